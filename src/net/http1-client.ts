import type { Connection } from "./connection.ts";
import { ConnectionPool, type PoolLimits } from "./connection-pool.ts";
import { DeadlineScan } from "./deadline-scan.ts";
import { Dialer } from "./dialer.ts";
import { Exchange } from "./exchange.ts";
import {
  type HttpClient,
  HttpFailure,
  type HttpRequest,
  type HttpResponse,
  type HttpTarget,
} from "./http-exchange.ts";
import type { GuardedUrl, OutboundGuard } from "./outbound-guard.ts";

/** Heads of requests that one target remembers: callers mostly send few. */
const HEADS_MAX = 256;
/** Origins whose pools are remembered; beyond it those without idle connections are forgotten. */
const ORIGINS_MAX = 1024;

export interface Http1ClientOptions {
  /** Name resolution, TCP and TLS together; default 10,000 ms. */
  readonly connectTimeoutMs?: number;
  /** Default 4,000 ms; a server's shorter `Keep-Alive: timeout` wins. */
  readonly idleConnectionMs?: number;
  /** Per origin; default 256. */
  readonly idleConnectionsMax?: number;
  /** Default 300,000 ms. */
  readonly connectionAgeMaxMs?: number;
  /** PEM certificates trusted besides the system's. */
  readonly extraCa?: readonly string[];
}

const HEADER_BLOCK = /^(?:[!-9;-~]+:[\t\x20-\x7e]*\r\n)*$/;

class Target implements HttpTarget {
  readonly origin: string;
  readonly path: string;
  readonly url: URL;
  readonly guarded: GuardedUrl;
  readonly pool: ConnectionPool;
  /** What follows the method up to the request's own header lines. */
  readonly #requestRest: string;
  /** By method and header block; each was found valid. */
  readonly #heads: { [method in HttpRequest["method"]]?: Map<string, string> } = {};

  constructor(guarded: GuardedUrl, origin: string, pool: ConnectionPool) {
    const { url } = guarded;
    this.origin = origin;
    this.path = url.pathname + url.search;
    this.url = url;
    this.guarded = guarded;
    this.pool = pool;
    this.#requestRest = ` ${this.path} HTTP/1.1\r\nhost: ${url.host}\r\naccept-encoding: identity\r\n`;
  }

  /**
   * A request up to its last header line, ASCII: the URL parser and the check of the block see to that.
   * @throws TypeError for a block that is not whole header lines of visible ASCII: it could forge a request
   */
  head(method: HttpRequest["method"], headerBlock: string): string {
    this.#heads[method] ??= new Map();
    const heads = this.#heads[method];
    const known = heads.get(headerBlock);
    if (known !== undefined) return known;
    if (!HEADER_BLOCK.test(headerBlock))
      throw new TypeError("The header block is not a sequence of header lines.");
    if (heads.size >= HEADS_MAX) heads.clear();
    const head = method + this.#requestRest + headerBlock;
    heads.set(headerBlock, head);
    return head;
  }
}

/**
 * `HttpClient` on raw sockets. A request goes out in one write, once, on the connection used last or a new one; there is no
 * ceiling on connections (callers bound their calls), no redirect is followed, nothing is ever sent twice.
 */
export class Http1Client implements HttpClient {
  readonly #guard: OutboundGuard;
  readonly #scan = new DeadlineScan();
  readonly #dialer: Dialer;
  readonly #limits: PoolLimits;
  readonly #pools = new Map<string, ConnectionPool>();
  #closed = false;

  constructor(guard: OutboundGuard, options: Http1ClientOptions = {}) {
    this.#guard = guard;
    this.#dialer = new Dialer(guard, this.#scan, {
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      extraCa: options.extraCa ?? [],
    });
    this.#limits = {
      idleConnectionMs: options.idleConnectionMs ?? 4_000,
      idleConnectionsMax: options.idleConnectionsMax ?? 256,
      connectionAgeMaxMs: options.connectionAgeMaxMs ?? 300_000,
    };
  }

  /** Open connections, idle ones included. */
  get connectionCount(): number {
    return this.#scan.size;
  }

  target(url: string): HttpTarget {
    const guarded = this.#guard.check(url);
    const origin = `${guarded.secure ? "https" : "http"}://${guarded.host.includes(":") ? `[${guarded.host}]` : guarded.host}:${guarded.port}`;
    return new Target(guarded, origin, this.#pool(origin));
  }

  /**
   * Resolves at the response's head.
   * @throws HttpFailure of every kind but `too_large`; the promise rejects. TypeError for a header block that is none.
   */
  request(request: HttpRequest): Promise<HttpResponse> {
    const { target } = request;
    if (!(target instanceof Target)) throw new Error("The target was not made by this client.");
    const head = target.head(request.method, request.headerBlock);
    const exchange = new Exchange(request);
    if (exchange.settled) return exchange.response;
    const connection = target.pool.take();
    if (connection === undefined) void this.#dialFor(exchange, target, head);
    else send(exchange, head, connection);
    return exchange.response;
  }

  close(): void {
    this.#closed = true;
    for (const pool of this.#pools.values()) pool.shut();
    this.#pools.clear();
  }

  async #dialFor(exchange: Exchange, target: Target, head: string): Promise<void> {
    try {
      const connection = await this.#dialer.dial(target.guarded, target.pool);
      if (exchange.settled) connection.drop();
      else if (connection.closed)
        exchange.fail(new HttpFailure("connect", `${target.origin} closed the new connection.`, false));
      else send(exchange, head, connection);
    } catch (error) {
      exchange.fail(
        error instanceof HttpFailure ? error : new HttpFailure("connect", "No connection.", false, error),
      );
    }
  }

  #pool(origin: string): ConnectionPool {
    const known = this.#pools.get(origin);
    if (known !== undefined) return known;
    if (this.#pools.size >= ORIGINS_MAX)
      for (const [name, pool] of this.#pools) if (pool.idleCount === 0) this.#pools.delete(name);
    const pool = new ConnectionPool(this.#limits);
    if (this.#closed) pool.shut();
    else this.#pools.set(origin, pool);
    return pool;
  }
}

/** Writes head and body as one message, joined once: its size is counted on the whole, which is mostly ASCII. */
function send(exchange: Exchange, head: string, connection: Connection): void {
  const { method, body } = exchange.request;
  if (body === undefined) {
    const text = head + (method === "GET" || method === "HEAD" ? "\r\n" : "content-length: 0\r\n\r\n");
    connection.run(exchange, text, text.length);
    return;
  }
  const text = `${head}content-length: ${body.length}\r\n\r\n${body}`;
  if (Buffer.byteLength(text) === text.length) {
    connection.run(exchange, text, text.length);
    return;
  }
  const bodyBytes = Buffer.byteLength(body);
  const start = `${head}content-length: ${bodyBytes}\r\n\r\n`;
  connection.run(exchange, start + body, start.length + bodyBytes);
}
