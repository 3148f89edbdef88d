/* 03: a pool of threads. The calls of lessons/03-thread-pool.ts, in their order. */
#include "common.h"

#include <pthread.h>
#include <stdint.h>

static void *handler(void *arg)
{
    int server = (intptr_t)arg; /* the one listening socket: all four sleep in accept on it */

    for (;;) {
        int conn = accept_connection(server);
        if (conn == -1) continue;
        if (receive_request(conn)) send(conn, RESPONSE, RESPONSE_LENGTH, MSG_NOSIGNAL);
        lingering_close(conn);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int server = create_server(argc, argv);

    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        errno = pthread_create(&threads[i], NULL, handler, (void *)(intptr_t)server);
        if (errno != 0) die("pthread_create");
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}
