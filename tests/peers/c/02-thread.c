/* 02: one thread for each connection. The calls of lessons/02-thread.ts, in their order. */
#include "common.h"

static void *thread_main(void *conn)
{
    handler((intptr_t)conn);
    return NULL;
}

int main(void)
{
    int server = create_server();

    for (;;) {
        int conn = accept_connection(server);
        if (conn == -1) continue;
        pthread_t thread;
        errno = pthread_create(&thread, NULL, thread_main, (void *)(intptr_t)conn);
        if (errno == 0) {
            pthread_detach(thread); /* nobody joins it */
        } else { /* this client goes, the server stays */
            perror("can't start new thread");
            close(conn);
        }
    }
}
