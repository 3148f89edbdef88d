/** TCP sockets, as the kernel has them. */
import { libc, SOCK_CLOEXEC } from "./syscalls.ts";
import { until } from "./wait.ts";

/** One of a port, mostly a server's. */
export interface TcpSocket {
  /** The port at the other end; 0: it is the listening socket. */
  readonly remote: number;
  /** Bytes to receive, the end of the stream counted as one; of a listening socket how many connections are queued. */
  readonly received: number;
  /** 0: no process has it yet. */
  readonly inode: number;
  /** It is being connected: SYN_SENT. */
  readonly connecting: boolean;
  /** The other end has closed its side: CLOSE_WAIT. */
  readonly closed: boolean;
}

// include/linux/socket.h, include/uapi/linux/netlink.h, sock_diag.h, include/net/tcp_states.h
const [AF_INET, AF_NETLINK, SOCK_RAW, IPPROTO_TCP] = [2, 16, 3, 6];
const [NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, NLMSG_DONE] = [4, 20, 0x301, 3];
const [SYN_SENT, TIME_WAIT, CLOSE_WAIT] = [2, 6, 8];

/**
 * The sockets on a port, or, if that is 0, those connected to `remote`: sock_diag(7), as `ss` asks it. /proc/net/tcp
 * has the same figures, but beside a hundred thousand other sockets no reader gets them in one instant.
 */
export function tcpSockets(port: number, remote = 0): TcpSocket[] {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  const request = new DataView(new ArrayBuffer(72)); // struct nlmsghdr, struct inet_diag_req_v2
  request.setUint32(0, request.byteLength, true);
  request.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  request.setUint16(6, REQUEST_DUMP, true);
  request.setUint8(16, AF_INET);
  request.setUint8(17, IPPROTO_TCP);
  request.setUint32(20, ~(1 << TIME_WAIT), true);
  request.setUint16(24, port);
  request.setUint16(26, remote);
  libc.send(fd, new Uint8Array(request.buffer), request.byteLength, 0);
  const found: TcpSocket[] = [];
  const reply = new Uint8Array(64 * 1024);
  for (let done = false; !done;) {
    const length = libc.recv(fd, reply, reply.length, 0);
    if (length <= 0) throw new Error("sock_diag gives no answer here");
    for (let at = 0; at < length && !done;) { // struct nlmsghdr, struct inet_diag_msg
      const message = new DataView(reply.buffer, at);
      done = message.getUint16(4, true) === NLMSG_DONE;
      at += message.getUint32(0, true) + 3 & ~3;
      if (done) continue;
      found.push({
        remote: message.getUint16(22),
        received: message.getUint32(72, true),
        inode: message.getUint32(84, true),
        connecting: message.getUint8(17) === SYN_SENT,
        closed: message.getUint8(17) === CLOSE_WAIT,
      });
    }
  }
  libc.close(fd);
  return found;
}

/** Wait until a whole request lies at a server's port, and nobody has read it. */
export const unread = ({ port }: { port: number }) =>
  until(() => tcpSockets(port).some(({ remote, received }) => remote > 0 && received > 1));
