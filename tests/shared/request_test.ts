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

/** Heads with the index of the byte that completes them. */
const ENDS = [
  "GET / HTTP/1.1\r\n\r\n",
  "GET / HTTP/1.1\n\n",
  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "GET / HTTP/1.1\nHost: localhost\n\r\n",
  "GET / HTTP/1.1\r\nHost: localhost\n\n",
];

Deno.test("a request ends with its empty line, in every split into two pieces", () => {
  for (const text of ENDS) {
    const all = bytes(text);
    for (let cut = 0; cut < all.length; cut++) {
      const request = new HttpRequest();
      assertEquals(request.add(all.subarray(0, cut)), false, JSON.stringify(text.slice(0, cut)));
      assertEquals(
        request.add(all.subarray(cut)),
        true,
        JSON.stringify([text.slice(0, cut), text.slice(cut)]),
      );
    }
  }
});

Deno.test("and in every split into three", () => {
  for (const text of ENDS) {
    const all = bytes(text);
    for (let first = 0; first < all.length; first++) {
      for (let second = first; second < all.length; second++) {
        const request = new HttpRequest();
        const pieces = [all.subarray(0, first), all.subarray(first, second), all.subarray(second)];
        assertEquals(
          pieces.map((piece) => request.add(piece)),
          [false, false, true],
          `${text} ${first} ${second}`,
        );
      }
    }
  }
});

Deno.test("byte by byte it ends with the last byte, and only once", () => {
  for (const text of ENDS) {
    const request = new HttpRequest();
    const ended = [...bytes(text + "GET / HTTP/1.1\r\n\r\n")].map((byte) => request.add(Uint8Array.of(byte)));
    assertEquals(ended.indexOf(true), text.length - 1);
    assertEquals(ended.lastIndexOf(true), text.length - 1);
  }
});

Deno.test("its text is all that came, also where a character was cut in two", () => {
  const text = "GET /é HTTP/1.1\r\n\r\n";
  const request = new HttpRequest();
  for (const byte of bytes(text)) request.add(Uint8Array.of(byte));
  assertEquals(request.text, text);
});

Deno.test("what has no empty line is no whole request", () => {
  for (const text of ["", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n", "a\rb\rc\r\r", "a\n \nb\nc"]) {
    assertEquals(new HttpRequest().add(bytes(text)), false, JSON.stringify(text));
  }
});

Deno.test("a head of more than 64 KiB ends there, whatever it says", () => {
  const request = new HttpRequest();
  const piece = bytes("x".repeat(1024));
  let size = 0;
  while (!request.add(piece)) size += piece.length;
  assert(size <= 64 * 1024 && size >= 63 * 1024, `${size}`);
});
