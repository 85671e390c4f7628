import type { GatewayError } from "../../errors/gateway-error.ts";
import { DeadlineScan } from "../deadline-scan.ts";
import type { ReceivedRequest } from "./received-request.ts";
import { type ConnectionOwner, ServerConnection } from "./server-connection.ts";
import type { HttpAnswer, TextAnswer } from "./text-answer.ts";

export interface Http1ServerOptions {
  readonly hostname: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Other processes listen there too, and the system spreads the connections. */
  readonly reusePort: boolean;
  /** PEM files. */
  readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined;
  /** Where it rejects, the connection is broken off. */
  readonly serve: (request: ReceivedRequest, peerAddress: string) => Promise<HttpAnswer>;
  /** What is said to bytes that are no request. */
  readonly refuse: (error: GatewayError) => TextAnswer;
  /** A fault of this program in the handling of a connection, which ended with it. */
  readonly onFault: (cause: unknown) => void;
  /**
   * Longest wait of a connection for a further request. To be longer than proxies keep an unused connection (60 s, as a
   * rule): if the gateway were first, a request could cross its closing, and a POST is not sent again.
   */
  readonly idleMsMax: number;
  /** Longest time in which a stream's reader takes nothing of what is there; default 60,000 ms. */
  readonly stalledMsMax?: number;
}

const STALLED_MS_MAX = 60_000;

/**
 * The listener of the hot path, on raw sockets: what a call costs at `Bun.serve` is mostly the objects of the Fetch
 * standard, which nobody here needs.
 */
export class Http1Server implements ConnectionOwner {
  readonly scheme: string;
  readonly serve: Http1ServerOptions["serve"];
  readonly refuse: Http1ServerOptions["refuse"];
  readonly idleMsMax: number;
  readonly stalledMsMax: number;
  readonly #listener: Bun.TCPSocketListener<ServerConnection>;
  readonly #connections = new Set<ServerConnection>();
  readonly #scan = new DeadlineScan();
  #isStopping = false;
  #onEmpty: (() => void) | undefined;

  /** @throws what the system says where the port cannot be had */
  constructor(options: Http1ServerOptions) {
    const { hostname, port, reusePort, tls } = options;
    this.scheme = tls === undefined ? "http://" : "https://";
    this.serve = options.serve;
    this.refuse = options.refuse;
    this.idleMsMax = options.idleMsMax;
    this.stalledMsMax = options.stalledMsMax ?? STALLED_MS_MAX;
    const at = { hostname, port, reusePort };
    this.#listener = Bun.listen<ServerConnection>({
      ...at,
      // Who has shut its writing side may still read.
      allowHalfOpen: true,
      ...(tls !== undefined && { tls: { cert: Bun.file(tls.certPath), key: Bun.file(tls.keyPath) } }),
      socket: {
        open: (socket) => {
          const connection = new ServerConnection(socket, this);
          socket.data = connection;
          this.#connections.add(connection);
          this.#scan.add(connection);
        },
        data: (socket, chunk) => socket.data.received(chunk),
        drain: (socket) => socket.data.drain(),
        close: (socket) => socket.data?.lost(),
        end: (socket) => socket.data?.ended(),
        // One of these threw: the socket is open still, and nobody watches it.
        error: (socket, cause) => {
          socket.data?.lost();
          if (!isSystems(cause)) options.onFault(cause);
          socket.terminate();
        },
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /**
   * Takes no more connections. Requests under way are still answered; after `graceMs`, or when all have ended, what is
   * left is closed.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#listener.stop(false);
    for (const connection of [...this.#connections]) connection.finish();
    if (this.#connections.size > 0 && graceMs > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
      await Promise.race([empty, Bun.sleep(graceMs)]);
    }
    for (const connection of [...this.#connections]) connection.terminate();
  }

  closed(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#scan.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }
}

/** A connection that broke, as they do. */
function isSystems(cause: unknown): boolean {
  return cause instanceof Error && "syscall" in cause;
}
