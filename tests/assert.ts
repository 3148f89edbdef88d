/** The part of `@std/assert` that the tests use, over `node:assert`: tests/run.ts takes it where JSR cannot be reached. */
import { deepStrictEqual, match, ok, throws } from "node:assert/strict";

/** Throws unless `expr` is truthy. */
export const assert: (expr: unknown, msg?: string) => asserts expr = ok;
/** Throws unless `actual` equals `expected`, deeply. */
export const assertEquals: <T>(actual: T, expected: T, msg?: string) => void = deepStrictEqual;
/** Throws unless `actual` matches `expected`. */
export const assertMatch: (actual: string, expected: RegExp, msg?: string) => void = match;
/** Throws unless `fn` throws an error of this class. */
export const assertThrows: (fn: () => unknown, ErrorClass: new (...args: never[]) => Error) => void = throws;
