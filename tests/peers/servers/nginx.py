"""
nginx: `python3 nginx.py PORT DIR`, with DIR for its configuration and its files.

Differs: - Three headers more (Server, Date, Content-Type).
         - The second argument: nginx wants files, and who starts it knows when they can go.
"""
import os
import socket
import sys
import time

CONFIGURATION = """
daemon off;
master_process off;  # the process that was started serves, so its CPU time is the server's
pid nginx.pid;
error_log stderr;
events {
  worker_connections 10240;
}
http {
  access_log off;
  keepalive_timeout 0;
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  server {
    listen 127.0.0.1:PORT backlog=4096;
    location / {
      return 200 "A";
    }
  }
}
"""

# nginx takes no port 0. So bind a socket to a free port, which keeps it for nginx: a second one may be bound
# to it while neither listens.
kept = socket.socket()
kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
kept.bind(("127.0.0.1", int(sys.argv[1])))
kept.set_inheritable(True)
port = kept.getsockname()[1]

directory = sys.argv[2]
configuration = os.path.join(directory, "nginx.conf")
with open(configuration, "w") as file:
    file.write(CONFIGURATION.replace("PORT", str(port)))

# Nor does nginx say when it listens: a process that is no child of it (fork, twice) tries until it does.
nginx = os.getpid()
if os.fork() == 0:
    if os.fork() == 0:
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            os.kill(nginx, 0)  # an exception when it has ended
            time.sleep(0.01)
        print(f"listening on http://127.0.0.1:{port}", flush=True)
    os._exit(0)
os.wait()

os.execvp("nginx", ["nginx", "-p", directory, "-c", configuration])
