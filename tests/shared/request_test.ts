/** What goes over a connection: the end of a request, however it is cut into pieces; the answer. */
import { assert, assertEquals } from "@std/assert";
import { HttpRequest } from "../../shared/request.ts";
import { RESPONSE } from "../../shared/response.ts";
import { RESPONSE_TEXT } from "../support/clients.ts";

Deno.test("the response is the article's, 58 bytes", () => {
  assertEquals(RESPONSE.length, 58);
  assertEquals(new TextDecoder().decode(RESPONSE), RESPONSE_TEXT);
});

const bytes = (text: string) => new TextEncoder().encode(text);
/** What add() says of each piece. */
function told(pieces: readonly Uint8Array<ArrayBuffer>[]): boolean[] {
  const request = new HttpRequest();
  return pieces.map((piece) => request.add(piece));
}

/** Each ends with its last byte. */
const HEADS = [
  "GET / HTTP/1.1\r\n\r\n",
  "GET / HTTP/1.1\n\n",
  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "GET / HTTP/1.1\nHost: localhost\n\r\n",
  "GET / HTTP/1.1\r\nHost: localhost\n\n",
];

Deno.test("a request ends with its empty line, in every split into three pieces, empty ones too", () => {
  for (const text of HEADS) {
    const all = bytes(text);
    for (let first = 0; first < all.length; first++) {
      for (let second = first; second < all.length; second++) {
        const pieces = [all.subarray(0, first), all.subarray(first, second), all.subarray(second)];
        assertEquals(told(pieces), [false, false, true], `${text} ${first} ${second}`);
      }
    }
  }
});

Deno.test("byte by byte it ends with the last byte, and only once", () => {
  for (const text of HEADS) {
    const pieces = [...bytes(text + "GET / HTTP/1.1\r\n\r\n")].map((byte) => Uint8Array.of(byte));
    assertEquals(told(pieces), pieces.map((_, i) => i === text.length - 1));
  }
});

Deno.test("what has no empty line is no whole request", () => {
  for (const text of ["", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "a\rb\rc\r\r", "a\n \nb\nc"]) {
    assertEquals(told([bytes(text)]), [false], JSON.stringify(text));
  }
});

Deno.test("a head of more than 64 KiB ends there, whatever it says", () => {
  const pieces = Array.from({ length: 66 }, () => bytes("x".repeat(1024)));
  const end = told(pieces).indexOf(true);
  assert(end === 63 || end === 64, `it ends in piece ${end}`);
});
