import { checkServerIdentity, getCACertificates } from "node:tls";
import { type ClientSocket, Connection, type ConnectionOwner } from "./connection.ts";
import type { DeadlineScan } from "./deadline-scan.ts";
import { HttpFailure } from "./http-exchange.ts";
import type { GuardedUrl, OutboundGuard } from "./outbound-guard.ts";

/** A socket on its way to being a connection; `established` once the exchange side owns it. */
class Attempt {
  readonly #host: string | undefined;
  readonly #make: (socket: ClientSocket) => Connection;
  readonly #resolve: (connection: Connection) => void;
  readonly #reject: (error: Error) => void;
  #over = false;
  #socket: Bun.Socket<Attempt> | undefined;

  /** @param host the name the certificate must carry; `undefined` without TLS */
  constructor(
    host: string | undefined,
    make: (socket: ClientSocket) => Connection,
    resolve: (connection: Connection) => void,
    reject: (error: Error) => void,
  ) {
    this.#host = host;
    this.#make = make;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  opened(socket: Bun.Socket<Attempt>): void {
    this.#socket = socket;
    if (this.#over) socket.terminate();
    else if (this.#host === undefined) this.#establish(socket);
  }

  secured(socket: Bun.Socket<Attempt>, success: boolean, authorizationError: Error | null): void {
    if (this.#over || this.#host === undefined) return;
    const refusal =
      authorizationError ??
      (success ? undefined : new Error("the TLS handshake failed")) ??
      checkServerIdentity(this.#host, socket.getPeerCertificate());
    if (refusal === undefined) this.#establish(socket);
    else this.fail(refusal);
  }

  fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket?.terminate();
    this.#reject(error);
  }

  #establish(socket: Bun.Socket<Attempt>): void {
    this.#over = true;
    // From here on the socket's data is the connection: see SOCKET_EVENTS.
    const promoted = socket as unknown as ClientSocket;
    const connection = this.#make(promoted);
    promoted.data = connection;
    this.#resolve(connection);
  }
}

/** One set of handlers for all sockets; each finds its object in `socket.data`. */
const SOCKET_EVENTS: Bun.SocketHandler<Attempt | Connection> = {
  open(socket) {
    if (socket.data instanceof Attempt) socket.data.opened(socket as Bun.Socket<Attempt>);
  },
  handshake(socket, success, authorizationError) {
    if (socket.data instanceof Attempt)
      socket.data.secured(socket as Bun.Socket<Attempt>, success, authorizationError);
  },
  data(socket, bytes) {
    if (socket.data instanceof Connection) socket.data.received(bytes);
  },
  drain(socket) {
    if (socket.data instanceof Connection) socket.data.drain();
  },
  close(socket, error) {
    ended(socket.data, error);
  },
  error(socket, error) {
    ended(socket.data, error);
  },
  connectError(socket, error) {
    ended(socket.data, error);
  },
};

function ended(owner: Attempt | Connection, error: Error | undefined): void {
  if (owner instanceof Connection) owner.lost(error);
  else owner.fail(error ?? new Error("the connection was closed"));
}

export interface DialerOptions {
  /** Name resolution, TCP and TLS together, over all addresses. */
  readonly connectTimeoutMs: number;
  /** PEM certificates trusted besides the system's. */
  readonly extraCa: readonly string[];
}

/** Opens connections to guarded destinations: resolves, checks every address, and dials exactly what was checked. */
export class Dialer {
  readonly #guard: OutboundGuard;
  readonly #scan: DeadlineScan;
  readonly #connectTimeoutMs: number;
  readonly #ca: string[] | undefined;

  constructor(guard: OutboundGuard, scan: DeadlineScan, options: DialerOptions) {
    this.#guard = guard;
    this.#scan = scan;
    this.#connectTimeoutMs = options.connectTimeoutMs;
    // Bun takes `ca` as the whole list of roots, not as an addition.
    this.#ca =
      options.extraCa.length === 0 ? undefined : [...getCACertificates("default"), ...options.extraCa];
  }

  /**
   * Tries each address in turn, the remaining time shared among those left.
   * @throws HttpFailure `refused_address` or `connect`
   */
  async dial(to: GuardedUrl, owner: ConnectionOwner): Promise<Connection> {
    const deadlineMs = performance.now() + this.#connectTimeoutMs;
    const addresses = await within(this.#guard.resolve(to.host), this.#connectTimeoutMs, to);
    let failure: unknown;
    for (const [i, address] of addresses.entries()) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) break;
      try {
        return await this.#dialAddress(address, to, owner, leftMs / (addresses.length - i));
      } catch (error) {
        failure = error;
      }
    }
    throw new HttpFailure("connect", `No connection to ${to.url.host}: ${reason(failure)}.`, false, failure);
  }

  #dialAddress(
    address: string,
    to: GuardedUrl,
    owner: ConnectionOwner,
    timeoutMs: number,
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const attempt = new Attempt(
        to.secure ? to.host : undefined,
        (socket) => new Connection(socket, owner, this.#scan),
        (connection) => {
          clearTimeout(timer);
          resolve(connection);
        },
        (error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
      const timer = setTimeout(() => attempt.fail(new Error("it took too long")), timeoutMs);
      Bun.connect<Attempt | Connection>({
        hostname: address,
        port: to.port,
        data: attempt,
        socket: SOCKET_EVENTS,
        ...(to.secure ? { tls: this.#tls(to.host) } : {}),
      }).catch((error: unknown) => attempt.fail(error instanceof Error ? error : new Error(String(error))));
    });
  }

  #tls(host: string): Bun.TLSOptions {
    return {
      serverName: host,
      rejectUnauthorized: true,
      ...(this.#ca === undefined ? {} : { ca: this.#ca }),
    };
  }
}

async function within<T>(work: Promise<T>, timeoutMs: number, to: GuardedUrl): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new HttpFailure("connect", `${to.host} did not resolve in time`, false)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function reason(failure: unknown): string {
  return failure instanceof Error ? failure.message : "it took too long";
}
