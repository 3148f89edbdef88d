/* 05: select. The calls of lessons/05-select.ts, in their order. */
#include "common.h"

#include <sys/select.h>

struct connection {
    int conn;
    struct request request; /* what the client has sent so far */
};

int main(int argc, char **argv)
{
    int server = create_server(argc, argv);
    set_nonblocking(server);

    static struct connection conns[FD_SETSIZE];
    size_t count = 0;
    fd_set watched; /* one bit for each descriptor */
    FD_ZERO(&watched);
    FD_SET(server, &watched);

    for (;;) {
        fd_set ready = watched; /* the kernel writes its answer over the question */
        if (select(FD_SETSIZE, &ready, NULL, NULL, NULL) == -1) {
            if (errno == EINTR) continue;
            die("select");
        }

        size_t kept = 0;
        for (size_t i = 0; i < count; i++) { /* all of them, though perhaps one has something */
            struct connection connection = conns[i];
            if (FD_ISSET(connection.conn, &ready)) {
                char data[4096];
                ssize_t n = receive(connection.conn, data, sizeof data);
                if (n == 0 || (n == -1 && errno != EAGAIN)) { /* the client has closed */
                    FD_CLR(connection.conn, &watched);
                    close(connection.conn);
                    continue;
                }
                if (n > 0 && add(&connection.request, data, n)) { /* its empty line has come */
                    send(connection.conn, RESPONSE, RESPONSE_LENGTH, MSG_NOSIGNAL);
                    shutdown(connection.conn, SHUT_WR);
                }
            }
            conns[kept++] = connection;
        }
        count = kept;

        if (FD_ISSET(server, &ready)) { /* at the end, when descriptors may have become free */
            int conn = accept_connection(server);
            if (conn >= FD_SETSIZE) {
                fprintf(stderr, "descriptor %d does not fit into an fd_set: this client is refused\n", conn);
                close(conn);
            } else if (conn != -1) {
                set_nonblocking(conn);
                FD_SET(conn, &watched);
                conns[count++] = (struct connection){.conn = conn};
            }
        }
    }
}
