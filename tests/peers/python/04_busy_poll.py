"""04: busy polling."""
import collections
import copy
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
    try:
        conn, addr = server.accept()
        conn.setblocking(False)
        conns[conn] = b""
    except OSError:
        pass  # nobody is there, or no descriptor is left
    for conn in copy.copy(conns):
        try:
            data = conn.recv(4096)
            if not complete(conns[conn]):
                conns[conn] += data
                if complete(conns[conn]):
                    conn.send(response)
                    linger(answered, conn)
        except BlockingIOError:
            continue  # nothing is there
        except OSError:
            data = b""  # the client has reset the connection
        if not data:  # the client has closed
            del conns[conn]
            answered.pop(conn, None)
            conn.close()
    expire(answered)  # whoever does not close within a second is cut off
