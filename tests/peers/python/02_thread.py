"""02: one thread for each connection."""
import sys
import threading

from common import create_server, handler

server = create_server()

while True:
    conn, addr = server.accept()
    thread = threading.Thread(target=handler, args=(conn, addr))
    thread.daemon = True
    try:
        thread.start()
    except RuntimeError as error:  # "can't start new thread": this client goes, the server stays
        print(error, file=sys.stderr)
        conn.close()
