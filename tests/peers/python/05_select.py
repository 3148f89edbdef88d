"""05: select."""
import select
import sys

from common import create_server, expire, serve

server = create_server()
server.setblocking(False)

conns = {}  # what each client has sent so far

while True:
    # All of them go into an fd_set, and all of them are looked up in it afterwards, by the select module.
    ready, _, _ = select.select([*conns, server], [], [], expire())
    for conn in ready:
        if conn is not server:
            serve(conns, conn)
            continue
        conn, addr = server.accept()  # the last one
        conn.setblocking(False)
        if conn.fileno() < 1024:
            conns[conn] = b""
        else:
            print(f"descriptor {conn.fileno()} does not fit into an fd_set: this client is refused", file=sys.stderr)
            conn.close()
