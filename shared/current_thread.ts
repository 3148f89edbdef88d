/** Which thread this is. A thread is told before it loads anything else (thread_main.ts). */
import { runtime } from "./runtime.ts";

export const currentThread = {
  /** 0 is the main thread; those that it makes count from 1. */
  number: 0,
  /** When the process began, ms since 1970. */
  origin: performance.timeOrigin,
  /** Whether `--trace` was given. */
  traced: runtime.args.includes("--trace"),
};
