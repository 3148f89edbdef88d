/* 02: one thread for each connection. The calls of lessons/02-thread.ts, in their order. */
#include "common.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

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
        int error = pthread_create(&thread, NULL, thread_main, (void *)(intptr_t)conn);
        if (error == 0) {
            pthread_detach(thread); /* nobody joins it */
        } else { /* this client goes, the server stays */
            fprintf(stderr, "can't start new thread: %s\n", strerror(error));
            close(conn);
        }
    }
}
