/**
 * The part of `@std/assert` that the tests use, with its names and meaning,
 * over `node:assert`: the runner puts it in
 * the place of `@std/assert` where JSR cannot be reached.
 */
import nodeAssert from "node:assert/strict";

/** Throws unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  nodeAssert.ok(expr, msg || undefined);
}

/** Throws unless `actual` equals `expected`, deeply. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.deepEqual(actual, expected, msg);
}

/** Throws unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  nodeAssert.match(actual, expected, msg);
}

/** Throws unless `fn` throws an error of this class. */
export function assertThrows(fn: () => unknown, ErrorClass: new (...args: never[]) => Error): void {
  nodeAssert.throws(fn, ErrorClass);
}
