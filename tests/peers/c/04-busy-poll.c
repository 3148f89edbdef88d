/* 04: busy polling. The calls of lessons/04-busy-poll.ts, in their order. */
#include "common.h"

enum { MOST = 1 << 20 }; /* descriptors: as many as fs.nr_open allows a process by default */

static struct connection *conns[MOST]; /* by descriptor */

int main(void)
{
    int server = create_server();
    set_nonblocking(server);

    int end = 0; /* all of them are below it */
    struct lingering answered = {0};

    for (;;) {
        int newcomer = accept_connection(server); /* -1: nobody is there (EAGAIN) */
        if (newcomer != -1) {
            set_nonblocking(newcomer);
            if (newcomer >= end) end = newcomer + 1;
            conns[newcomer] = create_connection(newcomer);
        }
        for (int fd = 0; fd < end; fd++) {
            if (conns[fd] && !serve(&answered, conns[fd])) conns[fd] = NULL;
        }
        expire(&answered); /* whoever does not close within a second is cut off */
    }
}
