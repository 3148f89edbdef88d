/* 02: one thread for each connection. The calls of lessons/02-thread.ts, in their order. */
#include "common.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

static void *handler(void *arg)
{
    int conn = (intptr_t)arg;
    if (receive_request(conn)) send(conn, RESPONSE, RESPONSE_LENGTH, MSG_NOSIGNAL);
    lingering_close(conn);
    return NULL;
}

int main(int argc, char **argv)
{
    int server = create_server(argc, argv);

    for (;;) {
        int conn = accept_connection(server);
        if (conn == -1) continue;
        pthread_t thread;
        int error = pthread_create(&thread, NULL, handler, (void *)(intptr_t)conn);
        if (error == 0) {
            pthread_detach(thread); /* nobody joins it */
        } else { /* this client goes, the server stays */
            fprintf(stderr, "can't start new thread: %s\n", strerror(error));
            close(conn);
        }
    }
}
