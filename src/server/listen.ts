import type { Server } from "bun";
import type { ClientSocket } from "../net/client-socket.ts";
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

  readonly socket: ClientSocket = {
    keepOpen: (request) => this.#server?.timeout(request, 0),
    letIdle: (request) => this.#server?.timeout(request, IDLE_SECONDS),
  };

  /** @throws Error that says what to do where the port cannot be had */
  start(settings: ListenSettings, front: Front): { readonly port: number } {
    try {
      this.#server = serve(settings, front);
    } catch (cause) {
      throw new Error(portFault(cause, settings), { cause });
    }
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

/**
 * Before anything is made or opened: a start on a port that is taken leaves no trace.
 * @throws Error that says what to do
 */
export function requirePort(settings: Pick<ListenSettings, "host" | "port">): void {
  if (settings.port === 0) return;
  try {
    Bun.listen({ hostname: settings.host, port: settings.port, socket: { data: () => {} } }).stop(true);
  } catch (cause) {
    throw new Error(portFault(cause, settings), { cause });
  }
}

function serve(settings: ListenSettings, front: Front): Server<undefined> {
  const { tls } = settings;
  return Bun.serve({
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
}

function portFault(cause: unknown, { host, port }: Pick<ListenSettings, "host" | "port">): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const another = "choose another with --port, MCP_GATEWAY_PORT or server.port";
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} of ${host} is taken by another program: stop it, or ${another}`;
    case "EACCES":
      return `this user may not open port ${port}: ${another}`;
    case "EADDRNOTAVAIL":
      return `${host} is no address of this machine: choose another with --host, MCP_GATEWAY_HOST or server.host`;
    default:
      return `port ${port} of ${host} cannot be opened`;
  }
}
