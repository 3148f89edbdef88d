/** `fd_set`: one bit a descriptor, where the kernel looks for it. */
import { assertEquals, assertThrows } from "@std/assert";
import { FD_SETSIZE, FdSet } from "../../shared/select.ts";

/** The descriptors in an fd_set, told from its bytes. */
const told = (set: FdSet) => {
  const bytes = new Uint8Array(set.bits.buffer, set.bits.byteOffset, set.bits.byteLength);
  return Array.from({ length: bytes.length * 8 }, (_, fd) => fd).filter((fd) =>
    bytes[fd >> 3] & 1 << (fd & 7)
  );
};

Deno.test("every descriptor has a bit of its own, bit fd % 8 of byte fd / 8", () => {
  for (let fd = 0; fd < FD_SETSIZE; fd++) {
    const set = new FdSet();
    set.add(fd);
    assertEquals(told(set), [fd]);
    assertEquals(set.has(fd), true);
    set.delete(fd);
    assertEquals(told(set), []);
  }
});

Deno.test("adding twice and deleting what is not there change nothing else", () => {
  const set = new FdSet();
  for (const fd of [0, 31, 32, 63, 64, 1023, 31, 1023]) set.add(fd);
  set.delete(33);
  assertEquals(told(set), [0, 31, 32, 63, 64, 1023]);
  for (let fd = 0; fd < FD_SETSIZE; fd++) assertEquals(set.has(fd), told(set).includes(fd));
});

Deno.test("a descriptor without a bit is refused, rather than written over other memory", () => {
  for (const fd of [-1, FD_SETSIZE, 100_000]) assertThrows(() => new FdSet().add(fd), RangeError);
});
