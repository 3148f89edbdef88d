"""05: select."""
import collections
import select
import sys

from common import RESPONSE, complete, create_server, expire, linger

server = create_server()
server.setblocking(False)

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
            else:
                print(f"descriptor {conn.fileno()} does not fit into an fd_set: this client is refused", file=sys.stderr)
                conn.close()
            continue
        try:
            data = conn.recv(4096)
            if not complete(conns[conn]):
                conns[conn] += data
                if complete(conns[conn]):
                    conn.send(RESPONSE)
                    linger(answered, conn)
        except BlockingIOError:
            continue
        except OSError:
            data = b""  # the client has reset the connection
        if not data:  # the client has closed
            del conns[conn]
            answered.pop(conn, None)
            conn.close()
