import type { Server } from "bun";
import type { Socket } from "../transports/streamable-http/post-reply.ts";
import type { Front } from "./front.ts";

export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined;
  /** With other processes of this machine, among which the system spreads the connections. */
  readonly shared?: boolean;
}

/** Seconds without a byte before a socket is closed, while we wait for its client. */
const IDLE_SECONDS = 10;

/** The listening socket. `socket` serves the transports, `start` opens the port. */
export class Listener {
  #server: Server<undefined> | undefined;

  readonly socket: Socket = {
    keepOpen: (request) => this.#server?.timeout(request, 0),
  };

  /** @throws Error with the system's code (`EADDRINUSE`, `EACCES`) where the port cannot be had */
  start(settings: ListenSettings, front: Front): { readonly port: number } {
    const { tls } = settings;
    this.#server = Bun.serve({
      hostname: settings.host,
      port: settings.port,
      reusePort: settings.shared === true,
      idleTimeout: IDLE_SECONDS,
      // Its own refusal has no body. The door and whoever reads a body bound it, and what nobody reads is not kept.
      maxRequestBodySize: Number.POSITIVE_INFINITY,
      ...(tls !== undefined && { tls: { cert: Bun.file(tls.certPath), key: Bun.file(tls.keyPath) } }),
      fetch: (request, server) => front.serve(request, server.requestIP(request)?.address ?? ""),
      error: () => new Response(null, { status: 500 }),
    });
    return { port: this.#server.port ?? settings.port };
  }

  /**
   * Takes no more connections. Requests that arrived on open ones are still answered; after `graceMs`, or when all have
   * ended, what is left is closed.
   */
  async stop(graceMs: number): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    if (graceMs > 0) await Promise.race([server.stop(false), Bun.sleep(graceMs)]);
    await server.stop(true);
  }
}
