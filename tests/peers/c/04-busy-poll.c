/* 04: busy polling. The calls of lessons/04-busy-poll.ts, in their order. */
#include "common.h"

int main(void)
{
    int server = create_server();
    set_nonblocking(server);

    for (;;) {
        int newcomer = accept_connection(server); /* -1: nobody is there (EAGAIN) */
        if (newcomer != -1) keep(newcomer);
        for (int fd = 0; fd < end; fd++) {
            if (conns[fd].open) serve(fd);
        }
        expire(); /* whoever does not close within a second is cut off */
    }
}
