"""03: a pool of threads."""
import threading

from common import create_server, handler

server = create_server()


def worker():
    while True:
        conn, addr = server.accept()
        handler(conn, addr)


threads = []

for i in range(4):
    thread = threading.Thread(target=worker)
    thread.start()
    threads.append(thread)

for thread in threads:
    thread.join()
