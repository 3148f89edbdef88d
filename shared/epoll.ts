/** epoll(7), with the names of Python's `select.epoll`. */
import { Errno, OSError } from "./errno.ts";
import { check, errno, libc } from "./libc.ts";
import { arch } from "./runtime.ts";

// include/uapi/linux/eventpoll.h
/** There is something to read, or the client has closed its side. */
export const EPOLLIN = 0x001;
/** There is room to send. */
export const EPOLLOUT = 0x004;
/** The connection broke. Always reported, asked for or not. */
export const EPOLLERR = 0x008;
/** Both sides have closed. Always reported, asked for or not. */
export const EPOLLHUP = 0x010;

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

/**
 * struct epoll_event in 32-bit words: `events`, then 64 bits of data of which
 * we use the lower half for the descriptor. On x86-64 alone it is packed, so
 * that the data follow at once; elsewhere they are aligned to 8 bytes.
 */
const WORDS = arch === "x86_64" ? 3 : 4;
const DATA = arch === "x86_64" ? 1 : 2;
const MAX_EVENTS = 512;

/** An interest list in the kernel, and the events that it last reported. */
export class Epoll {
  readonly #fd = check("epoll_create1", libc.epoll_create1(0));
  readonly #event = new Int32Array(WORDS);
  /** One buffer for the life of the loop: no event costs an allocation. */
  readonly #events = new Int32Array(WORDS * MAX_EVENTS);

  /** Watch a descriptor for `events`: EPOLL_CTL_ADD, epoll_ctl(2) */
  register(fd: number, events: number): void {
    this.#control(EPOLL_CTL_ADD, fd, events);
  }

  /** Watch it for other events from now on: EPOLL_CTL_MOD, epoll_ctl(2) */
  modify(fd: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events);
  }

  /** Watch it no longer: EPOLL_CTL_DEL, epoll_ctl(2) */
  unregister(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0);
  }

  #control(operation: number, fd: number, events: number): void {
    this.#event[0] = events;
    this.#event[DATA] = fd;
    check("epoll_ctl", libc.epoll_ctl(this.#fd, operation, fd, this.#event));
  }

  /**
   * Sleep until something happens to a watched descriptor, or `timeout` seconds
   * are over (-1: never), and return how many events there are, 512 at most:
   * epoll_wait(2). Read them with {@link fileno} and {@link event} before the next call.
   */
  poll(timeout = -1): number {
    for (;;) {
      const n = libc.epoll_wait(this.#fd, this.#events, MAX_EVENTS, timeout < 0 ? -1 : timeout * 1000);
      if (n >= 0) return n;
      const code = errno[0];
      if (code !== Errno.EINTR) throw new OSError("epoll_wait", code);
    }
  }

  /** The descriptor of event number `i`. */
  fileno(i: number): number {
    return this.#events[i * WORDS + DATA];
  }

  /** What happened to it: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, or several of them. */
  event(i: number): number {
    return this.#events[i * WORDS];
  }
}
