"""04: busy polling."""
import collections
import copy

from common import RESPONSE, complete, create_server, expire, linger

server = create_server()
server.setblocking(False)

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
                    conn.send(RESPONSE)
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
