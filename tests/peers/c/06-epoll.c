/* 06: epoll. The calls of lessons/06-epoll.ts, in their order. */
#include "common.h"

#include <stdint.h>
#include <sys/epoll.h>

enum { MAX_EVENTS = 512 };

/* What epoll hands back with each event: what has come, and what has yet to go. */
struct connection {
    int conn;
    struct request request;
    int sent; /* bytes of the response */
};

static void control(int epoll, int operation, struct connection *connection, int conn, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = connection}};
    if (epoll_ctl(epoll, operation, conn, &event) == -1) die("epoll_ctl");
}

int main(int argc, char **argv)
{
    int server = create_server(argc, argv);
    set_nonblocking(server);

    int epoll = epoll_create1(0);
    if (epoll == -1) die("epoll_create1");
    control(epoll, EPOLL_CTL_ADD, NULL, server, EPOLLIN);

    for (;;) {
        struct epoll_event events[MAX_EVENTS];
        int count = epoll_wait(epoll, events, MAX_EVENTS, -1);
        if (count == -1 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            uint32_t event = events[i].events; /* bits: several things may have happened at once */
            if (connection == NULL) { /* the listening socket */
                int conn = accept_connection(server);
                if (conn == -1) continue;
                set_nonblocking(conn);
                connection = calloc(1, sizeof *connection);
                if (connection == NULL) die("calloc");
                connection->conn = conn;
                control(epoll, EPOLL_CTL_ADD, connection, conn, EPOLLIN);
                continue;
            }

            int conn = connection->conn;
            bool closed = event & (EPOLLHUP | EPOLLERR); /* both sides have closed, or it was reset */
            if (!closed && event & EPOLLIN) {
                char data[4096];
                ssize_t n = receive(conn, data, sizeof data);
                closed = n == 0 || (n == -1 && errno != EAGAIN); /* the client has closed */
                if (n > 0 && add(&connection->request, data, n)) { /* its empty line has come */
                    control(epoll, EPOLL_CTL_MOD, connection, conn, EPOLLOUT);
                }
            } else if (!closed && event & EPOLLOUT) {
                int sent = connection->sent;
                ssize_t n = send(conn, RESPONSE + sent, RESPONSE_LENGTH - sent, MSG_NOSIGNAL);
                if (n > 0) connection->sent += n; /* what does not fit goes later */
                if (connection->sent == RESPONSE_LENGTH) {
                    control(epoll, EPOLL_CTL_MOD, connection, conn, EPOLLIN);
                    shutdown(conn, SHUT_WR);
                }
            }
            if (closed) {
                control(epoll, EPOLL_CTL_DEL, NULL, conn, 0);
                close(conn);
                free(connection);
            }
        }
    }
}
