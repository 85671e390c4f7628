/**
 * Loaded into a gateway and each of its threads before their own code: collects all garbage there every few seconds. Left
 * to itself the collector lets old garbage lie for many minutes (the heap goes up and down between once and three times
 * of what lives), which hides a leak, and looks like one.
 */
const COLLECT_MS = 5_000;

if (Bun.isMainThread) {
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, { ...options, preload: [import.meta.path] });
    }
  };
}
setInterval(() => Bun.gc(true), COLLECT_MS).unref();
