/*
 * What the six servers share: where they listen, where a request ends, how a
 * connection does. shared/server.ts, shared/socket.ts and shared/request.ts in C.
 */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    MAX_HEAD = 64 * 1024,   /* a head longer than this is answered as it is */
    MAX_REST = 1024 * 1024, /* the most that lingering_close reads */
    SECOND = 1000 * 1000,   /* in microseconds: what an answered client has to close */
};

static const char RESPONSE[] = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA";
enum { RESPONSE_LENGTH = sizeof RESPONSE - 1 };

/* What has come of one connection's request: how far it has got. */
struct request {
    size_t size;
    bool at_line_start;
    bool complete;
};

static inline void die(const char *call)
{
    perror(call);
    exit(1);
}

/* A socket that listens on a free port of 127.0.0.1; prints which. */
static inline int create_server(void)
{
    int server = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    socklen_t length = sizeof address;
    if (server == -1) die("socket");
    if (setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1) die("setsockopt");
    if (bind(server, (struct sockaddr *)&address, length) == -1) die("bind");
    if (listen(server, BACKLOG) == -1) die("listen");
    if (getsockname(server, (struct sockaddr *)&address, &length) == -1) die("getsockname");
    printf("listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return server;
}

/*
 * accept(2). -1: nobody is there (EAGAIN), or no longer (ECONNABORTED).
 * Out of descriptors the server ends, where a lesson waits.
 */
static inline int accept_connection(int server)
{
    struct sockaddr_in client;
    socklen_t length = sizeof client;
    int conn = accept4(server, (struct sockaddr *)&client, &length, SOCK_CLOEXEC);
    if (conn == -1 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) die("accept");
    return conn;
}

/* recv(2). 0: the client has closed. -1: nothing is there (EAGAIN), or the connection broke. */
static inline ssize_t receive(int conn, char *data, size_t size)
{
    ssize_t n;
    do n = recv(conn, data, size, 0);
    while (n == -1 && errno == EINTR);
    return n;
}

/* accept and recv no longer sleep, they answer EAGAIN when nothing is there: ioctl(2) */
static inline void set_nonblocking(int fd)
{
    int on = 1;
    if (ioctl(fd, FIONBIO, &on) == -1) die("ioctl");
}

/* From now on a blocking call gives up (EAGAIN) after so many microseconds; 0 means never: socket(7) */
static inline void set_timeout(int fd, long microseconds)
{
    struct timeval limit = {.tv_sec = microseconds / SECOND, .tv_usec = microseconds % SECOND};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == -1) die("setsockopt");
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == -1) die("setsockopt");
}

/* Look at the next bytes. True once: when they end the head (an empty line), or it has passed MAX_HEAD without one. */
static inline bool add(struct request *request, const char *data, ssize_t length)
{
    if (request->complete) return false;
    for (ssize_t i = 0; i < length; i++) {
        if (data[i] == '\n') {
            if (request->at_line_start) request->complete = true;
            request->at_line_start = true;
        } else if (data[i] != '\r') {
            request->at_line_start = false;
        }
    }
    request->size += length;
    if (request->size > MAX_HEAD) request->complete = true;
    return request->complete;
}

/* Receive one request from a blocking socket. False: the client left before its end. */
static inline bool receive_request(int conn)
{
    struct request request = {0};
    char data[4096];
    for (;;) {
        ssize_t n = receive(conn, data, sizeof data);
        if (n <= 0) return false;
        if (add(&request, data, n)) return true;
    }
}

static inline long microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (long)SECOND + now.tv_nsec / 1000;
}

/*
 * Close a blocking connection so that the answer arrives: a close with unread
 * bytes sends a reset. So end our side first, and read until the client ends
 * its own, for one second and 1 MiB at most.
 */
static inline void lingering_close(int conn)
{
    char rest[4096];
    long received = 0;
    shutdown(conn, SHUT_WR); /* ENOTCONN: the client was faster */
    long deadline = microseconds() + SECOND;
    for (long left = SECOND; left > 0 && received < MAX_REST; left = deadline - microseconds()) {
        struct timeval limit = {.tv_sec = left / SECOND, .tv_usec = left % SECOND};
        if (setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == -1) die("setsockopt");
        ssize_t n = receive(conn, rest, sizeof rest);
        if (n <= 0) break;
        received += n;
    }
    close(conn);
}

/* Answer one client over a blocking socket, however long it takes. */
static inline void handler(int conn)
{
    if (receive_request(conn)) send(conn, RESPONSE, RESPONSE_LENGTH, MSG_NOSIGNAL);
    lingering_close(conn);
}

/* A client of a server that serves all of them from one thread. */
struct connection {
    bool open;
    struct request request;            /* what has come */
    int sent;                          /* what has gone of the response, in bytes */
    long end;                          /* when an answered client's second is over; 0: it is not answered */
    TAILQ_ENTRY(connection) neighbours; /* among the answered ones */
};

/* The clients by descriptor, all below `end`. By default fs.nr_open allows a process no more. */
static struct connection conns[1 << 20];
static int end;

/* The answered clients, in the order of their answers, so that the first one's second is over next. */
static TAILQ_HEAD(, connection) answered = TAILQ_HEAD_INITIALIZER(answered);

/* Take one in. */
static inline void keep(int conn)
{
    set_nonblocking(conn);
    if (conn >= end) end = conn + 1;
    conns[conn] = (struct connection){.open = true};
}

/* Say "that was all" to a client: when it has read that, it closes, and recv brings the end of the stream. */
static inline void linger(int conn)
{
    shutdown(conn, SHUT_WR); /* ENOTCONN: the client was faster */
    conns[conn].end = microseconds() + SECOND;
    TAILQ_INSERT_TAIL(&answered, &conns[conn], neighbours);
}

/* Take a client out of the answered ones, if it is one of them. */
static inline void forget(int conn)
{
    if (conns[conn].end != 0) TAILQ_REMOVE(&answered, &conns[conn], neighbours);
    conns[conn].end = 0;
}

/*
 * End those that have had their second: when both directions are shut down,
 * recv brings the end of the stream, whatever the client does. Returns the
 * microseconds until the next one's are over; -1: there is none.
 */
static inline long expire(void)
{
    while (!TAILQ_EMPTY(&answered)) {
        int conn = TAILQ_FIRST(&answered) - conns;
        long left = conns[conn].end - microseconds();
        if (left > 0) return left;
        shutdown(conn, SHUT_RDWR);
        forget(conn);
    }
    return -1;
}

static inline void close_connection(int conn)
{
    forget(conn);
    conns[conn].open = false;
    close(conn);
}

/* Take in what has come from a client, and answer it when that ends its request. False: it has closed, and is gone. */
static inline bool serve(int conn)
{
    char data[4096];
    ssize_t n = receive(conn, data, sizeof data);
    if (n == 0 || (n == -1 && errno != EAGAIN)) { /* the client has closed */
        close_connection(conn);
        return false;
    }
    if (n > 0 && add(&conns[conn].request, data, n)) { /* its empty line has come */
        send(conn, RESPONSE, RESPONSE_LENGTH, MSG_NOSIGNAL);
        linger(conn);
    }
    return true;
}
