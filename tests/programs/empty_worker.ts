/** A Worker that ends at once, as shared/runtimes/ have a thread end. It has nothing to load: in Deno `process` is dear. */
if ("Deno" in globalThis) {
  postMessage("ended");
  close();
} else process.exit(0);
