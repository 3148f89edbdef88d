/** epoll(7), with the names of Python's `select.epoll`. */
import { check, Errno, errno, libc, OSError } from "./libc.ts";
import { runtime } from "./runtime.ts";
import { descriptor, integer, type Socket } from "./socket.ts";

// include/uapi/linux/eventpoll.h
/** There is something to read, or the client has closed its side. */
export const EPOLLIN = 0x001;
/** Urgent data have come: tcp(7), MSG_OOB in recv(2) */
export const EPOLLPRI = 0x002;
/** There is room to send. */
export const EPOLLOUT = 0x004;
/** The connection broke. Always reported, asked for or not. */
export const EPOLLERR = 0x008;
/** There is no connection (any more), in either direction. Always reported, asked for or not. */
export const EPOLLHUP = 0x010;
/** The client has closed its side: it sends nothing more. */
export const EPOLLRDHUP = 0x2000;
/** Edge-triggered: report only that something new has come, not that something is there. */
export const EPOLLET = 1 << 31;
/** Report once, and then nothing until {@link Epoll.modify}. */
export const EPOLLONESHOT = 1 << 30;

const EPOLL_CLOEXEC = 0o2000000; // a program that this one starts does not get it
const [EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD] = [1, 2, 3];

// struct epoll_event in 32-bit words: `events`, and 64 bits of data, whose lower half is the descriptor here. On x86-64
// the data follow at once; elsewhere they are aligned to 8 bytes.
const [WORDS, DATA] = runtime.arch === "x86_64" ? [3, 1] : [4, 2];
const MAX_EVENTS = 512;

/** An interest list in the kernel. */
export class Epoll {
  #fd = check("epoll_create1", libc.epoll_create1(EPOLL_CLOEXEC));
  readonly #event = new Int32Array(WORDS);
  readonly #events = new Int32Array(WORDS * MAX_EVENTS);

  /** Watch a descriptor for `events`, as Python does: EPOLL_CTL_ADD, epoll_ctl(2). EEXIST: it is watched already. */
  register(fd: number | Socket, events: number = EPOLLIN | EPOLLPRI | EPOLLOUT): void {
    this.#control(EPOLL_CTL_ADD, fd, events);
  }

  /** Watch it for other events from now on: EPOLL_CTL_MOD, epoll_ctl(2). ENOENT: it is not watched. */
  modify(fd: number | Socket, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events);
  }

  /** Watch it no longer: EPOLL_CTL_DEL, epoll_ctl(2). ENOENT: it is not watched. */
  unregister(fd: number | Socket): void {
    this.#control(EPOLL_CTL_DEL, fd, 0);
  }

  #control(operation: number, fd: number | Socket, events: number): void {
    fd = descriptor(fd);
    this.#event[0] = integer(events, "what epoll watches for, such as EPOLLIN,");
    this.#event[DATA] = fd;
    check("epoll_ctl", libc.epoll_ctl(this.#fd, operation, fd, this.#event));
  }

  /**
   * Sleep until something happens to a watched descriptor, and return up to 512 events, each a descriptor and the bits
   * that tell what happened: epoll_wait(2). None: a signal has come, or `timeout` seconds are over, rounded up to
   * milliseconds (`null` or negative: never).
   */
  poll(timeout: number | null = null): [fileno: number, event: number][] {
    const valid = timeout === null || timeout < 2 ** 31 / 1000;
    if (!valid) throw new RangeError(`poll takes seconds or null, not ${timeout}`);
    const milliseconds = timeout === null || timeout < 0 ? -1 : Math.ceil(timeout * 1000) | 0; // no -0
    const n = libc.epoll_wait(this.#fd, this.#events, MAX_EVENTS, milliseconds);
    const code = errno[0];
    if (n === -1 && code !== Errno.EINTR) throw new OSError("epoll_wait", code);
    const events: [number, number][] = [];
    for (let i = 0; i < n * WORDS; i += WORDS) events.push([this.#events[i + DATA], this.#events[i]]);
    return events;
  }

  /** Give its descriptor back: close(2) */
  close(): void {
    if (this.#fd !== -1) libc.close(this.#fd);
    this.#fd = -1;
  }
}
