/**
 * Silent clients: `deno run --allow-ffi tests/hold.ts PORT COUNT` connects COUNT times to
 * 127.0.0.1, prints a line, and says nothing until its standard input ends.
 */
import { Socket } from "../shared/socket.ts";

const [port, count] = Deno.args.map(Number);
for (let i = 0; i < count; i++) new Socket().connect("127.0.0.1", port);
console.log(`${count} connections`);
await Deno.stdin.read(new Uint8Array(1));
