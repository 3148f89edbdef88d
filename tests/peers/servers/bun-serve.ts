/**
 * What one takes on Bun: Bun.serve. `bun bun-serve.ts PORT`
 *
 * Differs: - Two headers more (Content-Type, Date).
 *          - Its backlog is Bun's own, 512.
 */
// deno-lint-ignore no-explicit-any
declare const Bun: any; // Deno, which checks the types, does not know it

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(Bun.argv[2]),
  fetch: () => new Response("A", { headers: { Connection: "Close" } }),
});
console.log(`listening on http://127.0.0.1:${server.port}`);
