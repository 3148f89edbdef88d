/**
 * What one takes on Deno and on Bun: Deno.serve, Bun.serve.
 *
 * Differs: - Two headers more (Content-Type, Date).
 *          - Deno says `Connection: close`, and closes, when the client has asked for that. A handler's
 *            own `Connection: close` is sent, but the connection stays open.
 *          - Bun's backlog is its own, 512.
 */
// deno-lint-ignore no-explicit-any
declare const Bun: any; // Deno, which checks the types, does not know it

const listens = ({ port }: { port: number }) => console.log(`listening on http://127.0.0.1:${port}`);
const where = { hostname: "127.0.0.1", port: 0 };
if ("Deno" in globalThis) {
  Deno.serve({ ...where, tcpBacklog: 4096, onListen: listens }, () => new Response("A"));
} else listens(Bun.serve({ ...where, fetch: () => new Response("A", { headers: { Connection: "Close" } }) }));
