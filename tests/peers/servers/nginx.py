"""
nginx on a free port, by nginx.conf: `python3 nginx.py DIR`, with DIR for its files.

It takes no port 0, but it takes over a socket that listens already, as from an older nginx: the variable NGINX
names its descriptor. It says so, in the log that -e names.
"""
import os
import pathlib
import socket
import sys

server = socket.create_server(("127.0.0.1", 0), backlog=4096)
server.set_inheritable(True)
os.environ["NGINX"] = f"{server.fileno()};"
port = server.getsockname()[1]
configuration = pathlib.Path(__file__).with_name("nginx.conf").read_text()
os.chdir(sys.argv[1])
pathlib.Path("nginx.conf").write_text(configuration.replace("PORT", str(port)))

print(f"listening on http://127.0.0.1:{port}", flush=True)
os.execvp("nginx", ["nginx", "-e", "start.log", "-p", ".", "-c", "nginx.conf"])
