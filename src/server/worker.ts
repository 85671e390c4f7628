import { createServer } from "node:net";
import type { Subprocess } from "bun";
import type { WorkerPlace } from "../config/serve-options.ts";

/** What a worker tells its supervisor when it takes requests. */
export interface WorkerReady {
  readonly url: string;
  readonly version: string;
  readonly servers: readonly string[];
}

/** Where the sources lie in an executable made by `bun build --compile`. */
const COMPILED_ROOT = "/$bunfs/";

/** Starts this program once more, with the same arguments, as one of several workers. */
export function startWorker(
  { replica, index, isReplacement }: WorkerPlace,
  port: number | undefined,
  on: { readonly onReady: (ready: WorkerReady) => void; readonly onExit: (code: number | null) => void },
): Subprocess {
  const program = Bun.main.startsWith(COMPILED_ROOT) ? [] : ["--no-install", Bun.main];
  const place = `${replica}:${index}${isReplacement ? ":again" : ""}`;
  const more = [...(port === undefined ? [] : ["--port", String(port)]), "--worker", place];
  return Bun.spawn([process.execPath, ...program, ...process.argv.slice(2), ...more], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (message) => on.onReady(message as WorkerReady),
    onExit: (_process, code) => on.onExit(code),
  });
}

/** In a worker: says that it takes requests, and calls `onAlone` when its supervisor is gone. */
export function reportReady(ready: WorkerReady, onAlone: () => void): void {
  process.on("disconnect", onAlone);
  process.send?.(ready);
}

/** A port that was free a moment ago. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null
          ? resolve(address.port)
          : reject(new Error("no port")),
      );
    });
  });
}
