/** The end of a request, however it is cut into pieces. */
import { assertEquals } from "@std/assert";
import { HttpRequest } from "../../shared/request.ts";

/** What add() says of each piece. */
function adds(pieces: readonly Uint8Array<ArrayBuffer>[]): boolean[] {
  const request = new HttpRequest();
  return pieces.map((piece) => request.add(piece));
}
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Each ends with its last byte. */
const HEADS = [
  "GET / HTTP/1.1\r\n\r\n",
  "GET / HTTP/1.1\n\n",
  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "GET / HTTP/1.1\nHost: localhost\n\r\n",
  "GET / HTTP/1.1\r\nHost: localhost\n\n",
];

Deno.test("a request ends with its empty line, and once, in every split into three pieces, and byte by byte", () => {
  for (const text of HEADS) {
    const all = utf8(text);
    for (let first = 0; first < all.length; first++) {
      for (let second = first; second < all.length; second++) {
        const pieces = [all.subarray(0, first), all.subarray(first, second), all.subarray(second)];
        assertEquals(adds(pieces), [false, false, true], `${text} ${first} ${second}`);
      }
    }
    const ends = adds([...utf8(text + text)].map((byte) => Uint8Array.of(byte)));
    assertEquals([ends.indexOf(true), ends.lastIndexOf(true)], [text.length - 1, text.length - 1]);
  }
});

Deno.test("what has no empty line is no whole request, until its head has 64 KiB", () => {
  for (const text of ["", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "a\rb\rc\r\r", "a\n \nb\nc"]) {
    assertEquals(adds([utf8(text)]), [false], JSON.stringify(text));
  }
  assertEquals(adds(Array(66).fill(utf8("x".repeat(1024)))).indexOf(true), 64);
});
