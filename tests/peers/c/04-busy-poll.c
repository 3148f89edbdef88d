/* 04: busy polling. The calls of lessons/04-busy-poll.ts, in their order. */
#include "common.h"

int main(void)
{
    int server = create_server();
    set_nonblocking(server);

    struct connection **conns = NULL;
    size_t count = 0, room = 0;
    struct lingering answered = {0};

    for (;;) {
        int newcomer = accept_connection(server); /* -1: nobody is there (EAGAIN) */
        if (newcomer != -1) {
            set_nonblocking(newcomer);
            if (count == room) {
                room = room * 2 + 64;
                conns = realloc(conns, room * sizeof *conns);
                if (conns == NULL) die("realloc");
            }
            conns[count++] = create_connection(newcomer);
        }

        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (serve(&answered, conns[i])) conns[kept++] = conns[i];
        }
        count = kept;
        expire(&answered); /* whoever does not close within a second is cut off */
    }
}
