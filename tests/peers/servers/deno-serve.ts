/**
 * What one takes on Deno: Deno.serve. `deno run --allow-net deno-serve.ts PORT`
 *
 * Differs: - Two headers more (Content-Type, Date).
 *          - It says `Connection: close`, and closes, when the client has asked for that. A handler's
 *            own `Connection: close` is sent, but the connection stays open.
 */
Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0]),
  tcpBacklog: 4096,
  onListen: ({ port }) => console.log(`listening on http://127.0.0.1:${port}`),
}, () => new Response("A"));
