import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Gateway, ServerEntry } from "../e2e/gateway.ts";
import { RawSession } from "../e2e/raw-session.ts";
import { bodyOf, headersFor } from "../faults/load.ts";

export interface SoakCounts {
  calls: number;
  refusals: number;
  sessions: number;
  streams: number;
  reloads: number;
  /** What should not have been, the first few in words. */
  failures: string[];
}

export interface SoakOptions {
  readonly gateway: Gateway;
  readonly keys: readonly string[];
  /** Server and tool, with arguments, by the era and transport they stand for. */
  readonly targets: readonly { readonly name: string; readonly args: Record<string, unknown> }[];
  readonly servers: readonly ServerEntry[];
  /** Comes and goes with the reloads. */
  readonly visitor: ServerEntry;
}

/** Everything a day brings, again and again: calls of every kind, sessions, streams, refusals, reloads. */
export class SoakLoad {
  readonly counts: SoakCounts = { calls: 0, refusals: 0, sessions: 0, streams: 0, reloads: 0, failures: [] };
  readonly #options: SoakOptions;
  readonly #running: Promise<unknown>;
  #isOver = false;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#running = Promise.all([
      ...[0, 1, 2, 3].map((at) => this.#repeat(30, (round) => this.#modernCall(at + round))),
      ...[0, 1].map((at) => this.#repeat(300, (round) => this.#session(at + round))),
      ...[0, 1].map((at) => this.#repeat(40, () => this.#stream(this.#key(at)))),
      this.#repeat(50, (round) => this.#refusal(round)),
      this.#repeat(10_000, (round) => this.#reload(round)),
    ]);
  }

  async stop(): Promise<SoakCounts> {
    this.#isOver = true;
    await this.#running;
    return this.counts;
  }

  async #repeat(pauseMs: number, act: (round: number) => Promise<void>): Promise<void> {
    for (let round = 0; !this.#isOver; round++) {
      try {
        await act(round);
      } catch (failure) {
        if (this.counts.failures.length < 20) this.counts.failures.push(String(failure));
      }
      await Bun.sleep(pauseMs);
    }
  }

  #key(at: number): string {
    return this.#options.keys[at % this.#options.keys.length] ?? "";
  }
  #target(at: number): SoakOptions["targets"][number] {
    return this.#options.targets[at % this.#options.targets.length] as SoakOptions["targets"][number];
  }
  #post(headers: Record<string, string>, body: string): Promise<Response> {
    return fetch(this.#options.gateway.mcpUrl(), { method: "POST", headers, body });
  }

  async #modernCall(at: number): Promise<void> {
    const { name, args } = this.#target(at);
    const key = this.#key(at);
    const isList = at % 10 === 0;
    const answer = isList
      ? await this.#post(headersFor("tools/list", undefined, key), bodyOf("tools/list", {}))
      : await this.#post(
          headersFor("tools/call", name, key),
          bodyOf("tools/call", { name, arguments: args }, at),
        );
    const text = await answer.text();
    if (answer.status !== 200 || !text.includes('"result"'))
      throw new Error(`${name}: ${answer.status} ${text.slice(0, 300)}`);
    this.counts.calls++;
  }

  /** Opened, used, with its own stream; three of four are closed, the fourth is left to its idle time. */
  async #session(at: number): Promise<void> {
    const session = await RawSession.open(this.#options.gateway.mcpUrl(), this.#key(at));
    const own = await session.get();
    for (let n = 0; n < this.#options.targets.length; n++) {
      const { name, args } = this.#target(n);
      const { error } = await session.request("tools/call", { name, arguments: args });
      if (error !== undefined) throw new Error(`${name} in a session: ${JSON.stringify(error)}`);
      this.counts.calls++;
    }
    await own.body?.cancel();
    if (at % 4 !== 0) await (await session.delete()).text();
    this.counts.sessions++;
  }

  async #stream(key: string): Promise<void> {
    const body = bodyOf("subscriptions/listen", { notifications: { toolsListChanged: true } });
    const answer = await this.#post(headersFor("subscriptions/listen", undefined, key), body);
    if (answer.status !== 200) throw new Error(`a stream: ${answer.status} ${await answer.text()}`);
    await Bun.sleep(200);
    await answer.body?.cancel();
    this.counts.streams++;
  }

  async #refusal(round: number): Promise<void> {
    const key = this.#key(round);
    const name = "no__such_tool";
    const kinds: readonly (readonly [number, Record<string, string>, string])[] = [
      [401, headersFor("tools/list"), bodyOf("tools/list", {})],
      [200, headersFor("tools/call", name, key), bodyOf("tools/call", { name, arguments: {} })],
      [400, headersFor("tools/list", undefined, key), "{"],
      [404, headersFor("no/such", undefined, key), bodyOf("no/such", {})],
      [413, headersFor("tools/list", undefined, key), " ".repeat(70_000)],
    ];
    const [status, headers, body] = kinds[round % kinds.length] as (typeof kinds)[number];
    const answer = await this.#post(headers, body);
    const text = await answer.text();
    if (answer.status !== status)
      throw new Error(`${answer.status} instead of ${status}: ${text.slice(0, 300)}`);
    this.counts.refusals++;
  }

  /** Another server more, and less; every third file has a mistake and changes nothing. */
  async #reload(round: number): Promise<void> {
    const { gateway, servers, visitor } = this.#options;
    const path = join(gateway.folder, "gateway.yaml");
    const now: Record<string, unknown> = parse(await readFile(path, "utf8"));
    const next = { ...now, proxy: { servers: round % 2 === 0 ? [...servers, visitor] : servers } };
    for (const text of round % 3 === 2 ? ["proxy: [", stringify(next)] : [stringify(next)]) {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
      await Bun.sleep(1_500);
    }
    this.counts.reloads++;
  }
}
