/** `sockaddr_in`: addresses and ports stand in it as the kernel reads them. */
import { assert, assertEquals } from "@std/assert";
import { Socket } from "../../shared/socket.ts";

Deno.test("the kernel takes the address and the port that were meant", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "127.255.255.254"]) {
    const server = new Socket();
    try {
      server.bind(host, 0);
      server.listen(1);
      const port = server.port();
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
    const port = first.port();
    second.bind("127.0.0.2", port); // the same number is free on another address
    assertEquals(second.port(), port);
    assert(port > 255);
  } finally {
    first.close();
    second.close();
  }
});
