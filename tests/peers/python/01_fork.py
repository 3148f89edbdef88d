"""01: one process for each connection. Differs from the lesson: a child outlives a server that is killed."""
import os
import socket
import sys

from common import lingering_close, recv_request

response = b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA"


def handler(conn, addr):
    try:
        request = recv_request(conn)
        if request:
            conn.send(response)
    except OSError:
        pass  # the client has reset the connection
    lingering_close(conn)


server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(4096)
print(f"listening on http://127.0.0.1:{server.getsockname()[1]}", flush=True)
server.settimeout(1)  # accept also returns when nobody came, so that children get reaped

while True:
    try:
        conn, addr = server.accept()
    except socket.timeout:
        pass
    else:
        try:
            pid = os.fork()
        except OSError as error:  # "Resource temporarily unavailable": this client goes, the server stays
            print(error, file=sys.stderr)
            pid = -1
        if pid == 0:  # the child
            try:
                server.close()
                handler(conn, addr)
            finally:
                os._exit(0)  # whatever happens, it must not go on into the loop
        conn.close()  # the parent's copy
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except ChildProcessError:
        pass  # there are no children at all
