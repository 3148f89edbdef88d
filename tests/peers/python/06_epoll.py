"""06: epoll."""
import select

from common import RESPONSE, answered, complete, create_server, expire, linger

serversocket = create_server()
serversocket.setblocking(False)

epoll = select.epoll()
epoll.register(serversocket.fileno(), select.EPOLLIN)

connections = {}
requests = {}
responses = {}

while True:
    events = epoll.poll(expire())
    for fileno, event in events:
        if fileno == serversocket.fileno():
            connection, address = serversocket.accept()
            connection.setblocking(False)
            epoll.register(connection.fileno(), select.EPOLLIN)
            connections[connection.fileno()] = connection
            requests[connection.fileno()] = b""
            responses[connection.fileno()] = RESPONSE
            continue
        closed = False
        try:
            if event & select.EPOLLIN:
                data = connections[fileno].recv(1024)
                closed = not data  # the client has closed
                if not complete(requests[fileno]):
                    requests[fileno] += data
                    if complete(requests[fileno]):
                        epoll.modify(fileno, select.EPOLLOUT)
            elif event & (select.EPOLLHUP | select.EPOLLERR):  # it was reset
                closed = True
            elif event & select.EPOLLOUT:
                byteswritten = connections[fileno].send(responses[fileno])
                responses[fileno] = responses[fileno][byteswritten:]
                if len(responses[fileno]) == 0:
                    epoll.modify(fileno, select.EPOLLIN)
                    linger(connections[fileno])
        except BlockingIOError:
            continue
        except OSError:
            closed = True  # the client has reset the connection
        if closed:
            epoll.unregister(fileno)
            answered.pop(connections[fileno], None)
            connections[fileno].close()
            del connections[fileno], requests[fileno], responses[fileno]
