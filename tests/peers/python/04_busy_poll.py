"""04: busy polling."""
import copy

from common import create_server, expire, serve

server = create_server()
server.setblocking(False)

conns = {}  # what each client has sent so far

while True:
    try:
        conn, addr = server.accept()
        conn.setblocking(False)
        conns[conn] = b""
    except OSError:
        pass  # nobody is there, or no descriptor is left
    for conn in copy.copy(conns):
        serve(conns, conn)
    expire()  # whoever does not close within a second is cut off
