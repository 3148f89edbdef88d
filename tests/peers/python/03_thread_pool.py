"""03: a pool of threads."""
import socket
import sys
import threading

from common import lingering_close, recv_request

response = b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nA"

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(4096)
print(f"listening on http://127.0.0.1:{server.getsockname()[1]}", flush=True)


def handler():
    while True:
        conn, addr = server.accept()
        try:
            request = recv_request(conn)
            if request:
                conn.send(response)
        except OSError:
            pass  # the client has reset the connection: that ends its turn, not the thread
        lingering_close(conn)


threads = []

for i in range(4):
    thread = threading.Thread(target=handler)
    thread.start()
    threads.append(thread)

for thread in threads:
    thread.join()
