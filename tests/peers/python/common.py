"""
What the six servers share: where they listen, where a request ends, how a connection does.

The six have the shape of the article's listings. Out of descriptors they end
with accept's exception, but for 04, as the listings do, and 01 out of processes
with fork's; the lessons go on.
"""
import collections
import socket
import time

RESPONSE = b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA"
MAX_HEAD = 64 * 1024  # a head longer than this is answered as it is
LINGER = 1  # seconds that an answered client has to close

answered = collections.OrderedDict()  # clients of a loop that still have to close, and when their second is over


def create_server():
    """A socket that listens on a free port of 127.0.0.1; prints which."""
    server = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"listening on http://127.0.0.1:{server.getsockname()[1]}", flush=True)
    return server


def complete(request):
    """Whether the empty line that ends the head has come, or 64 KiB without one."""
    return b"\n\r\n" in request or b"\n\n" in request or len(request) > MAX_HEAD


def recv_request(conn):
    """Receive one request from a blocking socket. None: the client left before its end."""
    request = b""
    while not complete(request):
        data = conn.recv(4096)
        if not data:
            return None
        request += data
    return request


def handler(conn, addr):
    """
    Answer one client over a blocking socket, however long it takes, and close so that the answer arrives: a close with
    unread bytes sends a reset. So end our side first, and read until the client ends its own. A second is for each
    recv; the lessons have one in all.
    """
    try:
        request = recv_request(conn)
        if request:
            conn.send(RESPONSE)
        conn.shutdown(socket.SHUT_WR)
        conn.settimeout(LINGER)
        while conn.recv(4096):
            pass
    except OSError:  # the client has reset the connection, or its second is over
        pass
    conn.close()


def linger(conn):
    """For a loop that never blocks on one client: end our side of the connection, and note when its second is over."""
    conn.shutdown(socket.SHUT_WR)
    answered[conn] = time.monotonic() + LINGER


def expire():
    """End the answered clients that have had their second; the seconds until the next one's are over, or None."""
    while answered:
        conn, end = next(iter(answered.items()))
        left = end - time.monotonic()
        if left > 0:
            return left
        del answered[conn]
        try:
            conn.shutdown(socket.SHUT_RDWR)  # recv brings the end of the stream then
        except OSError:
            pass  # the client was faster
    return None


def serve(conns, conn):
    """Take in what has come from a client of conns, and answer it when that ends its request."""
    try:
        data = conn.recv(4096)
        if not complete(conns[conn]):
            conns[conn] += data
            if complete(conns[conn]):
                conn.send(RESPONSE)
                linger(conn)
    except BlockingIOError:
        return  # nothing is there
    except OSError:
        data = b""  # the client has reset the connection
    if not data:  # the client has closed
        del conns[conn]
        answered.pop(conn, None)
        conn.close()
