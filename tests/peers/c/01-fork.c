/* 01: one process for each connection. The calls of lessons/01-fork.ts, in their order. */
#include "common.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

int main(void)
{
    int server = create_server();
    set_timeout(server, SECOND); /* accept also returns when nobody came, so that children get reaped */

    for (;;) {
        int conn = accept_connection(server);
        if (conn != -1) {
            set_timeout(conn, 0); /* it has the server's, and may be waited for as long as it takes */
            pid_t parent = getpid();
            pid_t pid = fork();
            if (pid == 0) { /* the child */
                prctl(PR_SET_PDEATHSIG, SIGKILL); /* no child outlives its server */
                if (getppid() != parent) _exit(1); /* which ended just before */
                close(server);
                handler(conn);
                _exit(0);
            }
            if (pid == -1) perror("fork"); /* this client goes, the server stays */
            close(conn); /* the parent's copy */
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    }
}
