/**
 * The part of `@std/assert` that the tests use, with its names and meaning,
 * over `node:assert`, so that the suite runs with no network. Point
 * `@std/assert` in deno.json at `jsr:@std/assert@1` and it passes just as well.
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
