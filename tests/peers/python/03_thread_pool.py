"""03: a pool of threads."""
import threading

from common import create_server, handler

server = create_server()


def worker():
    while True:
        conn, addr = server.accept()
        handler(conn, addr)


for i in range(4):
    threading.Thread(target=worker).start()  # the process lasts as long as one of them
