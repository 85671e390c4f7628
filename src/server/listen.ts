import type { GatewayError } from "../errors/gateway-error.ts";
import type { Log } from "../model/ports/log.ts";
import { Http1Server } from "../net/listener/http1-server.ts";
import { nextCorrelationId } from "./correlation-id.ts";
import type { Front } from "./front.ts";
import { problemAnswer } from "./problem.ts";

export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined;
  /** With other processes of this machine, among which the system spreads the connections. */
  readonly shared?: boolean;
  /** Longest wait of a connection for a further request. */
  readonly idleMsMax: number;
}

/** The listening socket; `start` opens the port. */
export class Listener {
  readonly #log: Log;
  #server: Http1Server | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @throws Error that says what to do where the port cannot be had */
  start(settings: ListenSettings, front: Front): { readonly port: number } {
    try {
      this.#server = new Http1Server({
        hostname: settings.host,
        port: settings.port,
        reusePort: settings.shared === true,
        tls: settings.tls,
        idleMsMax: settings.idleMsMax,
        serve: (request, peerAddress) => front.serve(request, peerAddress),
        refuse: noRequest,
        onFault: (cause) => this.#log.error({ err: cause }, "a connection was broken off"),
      });
    } catch (cause) {
      throw new Error(portFault(cause, settings), { cause });
    }
    return { port: this.#server.port };
  }

  /**
   * Takes no more connections. Requests under way on open ones are still answered; after `graceMs`, or when all have
   * ended, what is left is closed.
   */
  async stop(graceMs: number): Promise<void> {
    await this.#server?.stop(graceMs);
  }
}

/** Whoever sent it has no request that could be traced, and may speak anything. */
function noRequest(error: GatewayError) {
  const id = nextCorrelationId();
  return problemAnswer(error, id, { "x-request-id": id, "x-content-type-options": "nosniff" });
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
