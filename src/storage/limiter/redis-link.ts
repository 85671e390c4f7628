import { RedisClient } from "bun";
import type { Log } from "../../model/ports/log.ts";

/** A look for a Redis that is away, and a sign of life to one that is not. */
const BEAT_MS = 1_000;
const BEAT_TIMEOUT_MS = 500;
/** A process that gave no sign for this long is not counted any more. */
const LIFE_MS = 5_000;

/** Notes this process among the living, forgets the dead, and answers how many are left. */
const CENSUS = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 60000)
return redis.call('ZCARD', KEYS[1])
`;

export class RedisAway extends Error {
  override readonly name = "RedisAway";
}

/**
 * One connection to Redis that is either known to answer or left alone: a command that is late or fails makes Redis
 * `away`, and from then on nobody waits for it; a beat every second finds out when it is back.
 */
export class RedisLink {
  readonly #url: string;
  readonly #log: Log;
  readonly #timeoutMs: number;
  readonly #censusKey: string;
  readonly #id = crypto.randomUUID();
  #client: RedisClient | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isBeating = false;
  #isClosed = false;
  #outages = 0;
  isAway = true;
  /** Processes that share this Redis, as far as known. */
  processes = 1;

  constructor(options: { url: string; prefix: string; log: Log; timeoutMs: number }) {
    this.#url = options.url;
    this.#log = options.log;
    this.#timeoutMs = options.timeoutMs;
    this.#censusKey = `{${options.prefix}}:processes`;
  }

  get outages(): number {
    return this.#outages;
  }

  /** Tries once, and keeps trying. Resolves either way. */
  async start(): Promise<void> {
    await this.#beat();
    if (this.isAway) this.#log.warn({}, "Redis does not answer; limits are counted in this process");
  }

  /** @throws RedisAway where it is away or becomes so by not answering in time, or with an error of its own. */
  async send(command: string, args: string[]): Promise<unknown> {
    const client = this.#client;
    if (this.isAway || client === undefined) throw new RedisAway("away");
    try {
      return await within(client.send(command, args) as Promise<unknown>, this.#timeoutMs);
    } catch (failure) {
      if (isMissingScript(failure)) throw failure;
      this.#lost(client, failure);
      throw failure instanceof RedisAway ? failure : new RedisAway("failed", { cause: failure });
    }
  }

  /** Without an answer to wait for; what is lost runs out by itself. */
  tell(command: string, args: string[]): void {
    if (this.isAway) return;
    this.#client?.send(command, args).catch(() => {});
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (!this.isAway) this.tell("ZREM", [this.#censusKey, this.#id]);
    this.isAway = true;
    const client = this.#client;
    this.#client = undefined;
    // The farewell above is in the socket's buffer after one turn.
    if (client !== undefined) setTimeout(() => closeQuietly(client), 20);
  }

  #lost(client: RedisClient, failure: unknown): void {
    if (client !== this.#client || this.#isClosed) return;
    this.#client = undefined;
    closeQuietly(client);
    if (this.isAway) return;
    this.isAway = true;
    this.#outages++;
    this.#log.warn({ err: failure }, "Redis does not answer; limits are counted in this process");
  }

  async #beat(): Promise<void> {
    if (this.#isBeating || this.#isClosed) return;
    this.#isBeating = true;
    clearTimeout(this.#timer);
    let client = this.#client;
    try {
      if (client === undefined) {
        client = new RedisClient(this.#url, {
          connectionTimeout: BEAT_TIMEOUT_MS,
          autoReconnect: false,
          enableOfflineQueue: false,
        });
        this.#client = client;
        await within(client.connect(), BEAT_TIMEOUT_MS);
      }
      const args = [CENSUS, "1", this.#censusKey, this.#id, String(LIFE_MS)];
      const alive = await within(client.send("EVAL", args) as Promise<unknown>, BEAT_TIMEOUT_MS);
      this.processes = Math.max(1, Number(alive));
      if (this.isAway && client === this.#client && !this.#isClosed) {
        this.isAway = false;
        if (this.#outages > 0) this.#log.info({}, "Redis is back; limits are shared again");
      }
    } catch (failure) {
      if (client !== undefined) this.#lost(client, failure);
    } finally {
      this.#isBeating = false;
      if (!this.#isClosed) {
        this.#timer = setTimeout(() => void this.#beat(), BEAT_MS);
        this.#timer.unref();
      }
    }
  }
}

export function isMissingScript(failure: unknown): boolean {
  return failure instanceof Error && failure.message.includes("NOSCRIPT");
}

function closeQuietly(client: RedisClient): void {
  try {
    client.close();
  } catch {
    // It was not open.
  }
}

function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new RedisAway("no answer in time"));
    // An answer that arrived while this process was busy is read before the late one is given up.
    const timer = setTimeout(() => setImmediate(late), timeoutMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (failure: unknown) => {
        clearTimeout(timer);
        reject(failure instanceof Error ? failure : new Error(String(failure)));
      },
    );
  });
}
