/** `sockaddr_in`: addresses and ports stand in it as the kernel reads them. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Socket } from "../../shared/socket.ts";

Deno.test("the kernel takes the address and the port that were meant", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "127.255.255.254"]) {
    const server = new Socket();
    try {
      server.bind(host, 0);
      server.listen(1);
      const [bound, port] = server.getsockname();
      assertEquals(bound, host);
      // /proc/net/tcp gives the address as a word of this machine, which is little-endian.
      const address = host.split(".").toReversed().map((octet) =>
        Number(octet).toString(16).padStart(2, "0")
      );
      const line = `${address.join("")}:${port.toString(16).padStart(4, "0")} 00000000:0000 0A`.toUpperCase();
      assert(Deno.readTextFileSync("/proc/net/tcp").includes(line), `no ${line}`);
    } finally {
      server.close();
    }
  }
});

Deno.test("a port goes in as it comes out, both bytes of it", () => {
  const first = new Socket();
  const second = new Socket();
  try {
    first.bind("127.0.0.1", 0);
    const [, port] = first.getsockname();
    second.bind("127.0.0.2", port); // the same number is free on another address
    assertEquals(second.getsockname(), ["127.0.0.2", port]);
    assert(port > 255);
  } finally {
    first.close();
    second.close();
  }
});

Deno.test("what is no address or no port is refused, with words", () => {
  const server = new Socket();
  try {
    for (const host of ["", "localhost", "1.2.3", "1.2.3.256", "::1"]) {
      assertThrows(() => server.bind(host, 0), TypeError);
    }
    for (const port of [-1, 65536]) assertThrows(() => server.bind("127.0.0.1", port), RangeError);
  } finally {
    server.close();
  }
});
