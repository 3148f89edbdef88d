/* 03: a pool of threads. The calls of lessons/03-thread-pool.ts, in their order. */
#include "common.h"

static void *thread_main(void *server) /* the one listening socket: all four sleep in accept on it */
{
    for (;;) {
        int conn = accept_connection((intptr_t)server);
        if (conn != -1) handler(conn);
    }
    return NULL;
}

int main(void)
{
    int server = create_server();

    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        errno = pthread_create(&threads[i], NULL, thread_main, (void *)(intptr_t)server);
        if (errno != 0) die("pthread_create");
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}
