/* 04: busy polling. The calls of lessons/04-busy-poll.ts, in their order. */
#include "common.h"

struct connection {
    int conn;
    struct request request; /* what the client has sent so far */
};

int main(int argc, char **argv)
{
    int server = create_server(argc, argv);
    set_nonblocking(server);

    struct connection *conns = NULL;
    size_t count = 0, room = 0;

    for (;;) {
        int conn = accept_connection(server); /* -1: nobody is there (EAGAIN) */
        if (conn != -1) {
            set_nonblocking(conn);
            if (count == room) {
                room = room * 2 + 64;
                conns = realloc(conns, room * sizeof *conns);
                if (conns == NULL) die("realloc");
            }
            conns[count++] = (struct connection){.conn = conn};
        }

        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            struct connection connection = conns[i];
            char data[4096];
            ssize_t n = receive(connection.conn, data, sizeof data);
            if (n == 0 || (n == -1 && errno != EAGAIN)) { /* the client has closed */
                close(connection.conn);
                continue;
            }
            if (n > 0 && add(&connection.request, data, n)) { /* its empty line has come */
                send(connection.conn, RESPONSE, RESPONSE_LENGTH, MSG_NOSIGNAL);
                shutdown(connection.conn, SHUT_WR);
            }
            conns[kept++] = connection;
        }
        count = kept;
    }
}
