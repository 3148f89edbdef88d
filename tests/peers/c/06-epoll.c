/* 06: epoll. The calls of lessons/06-epoll.ts, in their order. */
#include "common.h"

#include <sys/epoll.h>

enum { MAX_EVENTS = 512 };

static void control(int epoll, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.fd = fd}};
    if (epoll_ctl(epoll, operation, fd, &event) == -1) die("epoll_ctl");
}

int main(void)
{
    int server = create_server();
    set_nonblocking(server);

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll == -1) die("epoll_create1");
    control(epoll, EPOLL_CTL_ADD, server, EPOLLIN);

    for (;;) {
        long left = expire(); /* sleep until something happens, or an answered client has had its second */
        struct epoll_event events[MAX_EVENTS];
        int count = epoll_wait(epoll, events, MAX_EVENTS, left == -1 ? -1 : (left + 999) / 1000);
        if (count == -1 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; i++) {
            int conn = events[i].data.fd;
            uint32_t event = events[i].events; /* bits: several things may have happened at once */
            if (conn == server) {
                conn = accept_connection(server);
                if (conn == -1) continue; /* it was gone again */
                keep(conn);
                control(epoll, EPOLL_CTL_ADD, conn, EPOLLIN);
                continue;
            }

            bool closed = false;
            if (event & EPOLLIN) {
                char data[4096];
                ssize_t n = receive(conn, data, sizeof data);
                closed = n == 0 || (n == -1 && errno != EAGAIN); /* the client has closed */
                if (n > 0 && add(&conns[conn].request, data, n)) { /* its empty line has come */
                    control(epoll, EPOLL_CTL_MOD, conn, EPOLLOUT);
                }
            } else if (event & (EPOLLHUP | EPOLLERR)) { /* it was reset */
                closed = true;
            } else if (event & EPOLLOUT) {
                int *sent = &conns[conn].sent;
                ssize_t n = send(conn, RESPONSE + *sent, RESPONSE_LENGTH - *sent, MSG_NOSIGNAL);
                if (n > 0) *sent += n; /* what does not fit goes later */
                if (*sent == RESPONSE_LENGTH) {
                    control(epoll, EPOLL_CTL_MOD, conn, EPOLLIN);
                    linger(conn);
                }
            }
            if (closed) {
                control(epoll, EPOLL_CTL_DEL, conn, 0);
                close_connection(conn);
            }
        }
    }
}
