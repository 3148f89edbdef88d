/* 05: select. The calls of lessons/05-select.ts, in their order. */
#include "common.h"

#include <sys/select.h>

int main(void)
{
    int server = create_server();
    set_nonblocking(server);

    struct connection *conns[FD_SETSIZE];
    size_t count = 0;
    struct lingering answered = {0};
    fd_set watched; /* one bit for each descriptor */
    FD_ZERO(&watched);
    FD_SET(server, &watched);

    for (;;) {
        long left = expire(&answered); /* sleep until something has come, or an answered client has had its second */
        struct timeval timeout = {.tv_sec = left / SECOND, .tv_usec = left % SECOND};
        fd_set ready = watched; /* the kernel writes its answer over the question */
        if (select(FD_SETSIZE, &ready, NULL, NULL, left == -1 ? NULL : &timeout) == -1) {
            if (errno == EINTR) continue;
            die("select");
        }

        size_t kept = 0;
        for (size_t i = 0; i < count; i++) { /* all of them, though perhaps one has something */
            int conn = conns[i]->conn;
            if (!FD_ISSET(conn, &ready) || serve(&answered, conns[i])) conns[kept++] = conns[i];
            else FD_CLR(conn, &watched);
        }
        count = kept;

        if (FD_ISSET(server, &ready)) { /* at the end, when descriptors may have become free */
            int newcomer = accept_connection(server);
            if (newcomer >= FD_SETSIZE) {
                fprintf(stderr, "descriptor %d does not fit into an fd_set: this client is refused\n", newcomer);
                close(newcomer);
            } else if (newcomer != -1) {
                set_nonblocking(newcomer);
                FD_SET(newcomer, &watched);
                conns[count++] = create_connection(newcomer);
            }
        }
    }
}
