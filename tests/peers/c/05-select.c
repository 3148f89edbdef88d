/* 05: select. The calls of lessons/05-select.ts, in their order. */
#include "common.h"

#include <sys/select.h>

int main(void)
{
    int server = create_server();
    set_nonblocking(server);

    fd_set watched; /* one bit for each descriptor */
    FD_ZERO(&watched);
    FD_SET(server, &watched);

    for (;;) {
        long left = expire(); /* sleep until something has come, or an answered client has had its second */
        struct timeval timeout = {.tv_sec = left / SECOND, .tv_usec = left % SECOND};
        fd_set ready = watched; /* the kernel writes its answer over the question */
        if (select(FD_SETSIZE, &ready, NULL, NULL, left == -1 ? NULL : &timeout) == -1) {
            if (errno == EINTR) continue;
            die("select");
        }

        for (int fd = 0; fd < end; fd++) { /* all of them, though perhaps one has something */
            if (conns[fd].open && FD_ISSET(fd, &ready) && !serve(fd)) FD_CLR(fd, &watched);
        }
        if (FD_ISSET(server, &ready)) { /* at the end, when descriptors may have become free */
            int newcomer = accept_connection(server);
            if (newcomer >= FD_SETSIZE) {
                fprintf(stderr, "descriptor %d does not fit into an fd_set: this client is refused\n", newcomer);
                close(newcomer);
            } else if (newcomer != -1) {
                keep(newcomer);
                FD_SET(newcomer, &watched);
            }
        }
    }
}
