"""
nginx on a free port: `python3 nginx.py DIR`, with DIR for its configuration and its files.

Differs: - Three headers more (Server, Date, Content-Type).
"""
import os
import socket
import sys

CONFIGURATION = """
daemon off;
pid nginx.pid;
error_log stderr error;
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

# nginx takes no port 0, but it takes over a socket that listens already, as from an older nginx: the variable
# NGINX names its descriptor. It says so, in the log that -e names.
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
server.set_inheritable(True)
os.environ["NGINX"] = f"{server.fileno()};"
port = server.getsockname()[1]
os.chdir(sys.argv[1])
with open("nginx.conf", "w") as file:
    file.write(CONFIGURATION.replace("PORT", str(port)))

print(f"listening on http://127.0.0.1:{port}", flush=True)
os.execvp("nginx", ["nginx", "-e", "start.log", "-p", ".", "-c", "nginx.conf"])
