"""05: select."""
import collections
import select
import socket
import sys

from common import complete, expire, linger

response = b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA"

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.setblocking(False)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(4096)
print(f"listening on http://127.0.0.1:{server.getsockname()[1]}", flush=True)

conns = {}  # what each client has sent so far
answered = collections.OrderedDict()

while True:
    # All of them go into an fd_set, and all of them are looked up in it afterwards, by the select module.
    ready, _, _ = select.select([*conns, server], [], [], expire(answered))
    for conn in ready:
        if conn is server:  # the last one
            conn, addr = server.accept()
            conn.setblocking(False)
            if conn.fileno() < 1024:
                conns[conn] = b""
            else:  # it does not fit into an fd_set: this client is refused
                conn.close()
            continue
        try:
            data = conn.recv(4096)
            if not complete(conns[conn]):
                conns[conn] += data
                if complete(conns[conn]):
                    conn.send(response)
                    linger(answered, conn)
        except BlockingIOError:
            continue
        except OSError:
            data = b""  # the client has reset the connection
        if not data:  # the client has closed
            del conns[conn]
            answered.pop(conn, None)
            conn.close()
