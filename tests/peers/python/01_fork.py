"""01: one process for each connection. Differs from the lesson: a child outlives a server that is killed."""
import os
import socket

from common import create_server, handler

server = create_server()
server.settimeout(1)  # accept also returns when nobody came, so that children get reaped

while True:
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except ChildProcessError:
        pass  # there are no children at all
    try:
        conn, addr = server.accept()
    except socket.timeout:
        continue
    pid = os.fork()
    if pid == 0:  # the child
        try:
            server.close()
            handler(conn, addr)
        finally:
            os._exit(0)  # whatever happens, it must not go on into the loop
    conn.close()  # the parent's copy
