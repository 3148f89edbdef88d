"""02: one thread for each connection."""
import socket
import sys
import threading

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

while True:
    conn, addr = server.accept()
    thread = threading.Thread(target=handler, args=(conn, addr))
    thread.daemon = True
    try:
        thread.start()
    except RuntimeError as error:  # "can't start new thread": this client goes, the server stays
        print(error, file=sys.stderr)
        conn.close()
