/**
 * Silent clients: `hold.ts PORT COUNT`, under Deno, connects COUNT times to 127.0.0.1, prints a
 * line, and says nothing until its standard input ends.
 */
import { connection } from "../support/syscalls.ts";

const [port, count] = Deno.args.map(Number);
for (let i = 0; i < count; i++) connection(port);
console.log(`${count} connections`);
await Deno.stdin.read(new Uint8Array(1));
