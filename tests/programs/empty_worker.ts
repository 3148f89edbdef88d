/** A Worker that ends at once, as a thread ends in shared/runtimes/. In Deno it would be dear to look at `process`. */
if ("Deno" in globalThis) {
  postMessage("ended");
  close();
} else process.exit(0);
