import type { Subprocess } from "bun";
import type { ServeOptions } from "../config/serve-options.ts";
import { createLog } from "../telemetry/log.ts";
import { prepareFirstStart } from "./first-start.ts";
import { greet } from "./greeting.ts";
import { terminalStands } from "./terminal.ts";
import { freePort, startWorker, type WorkerReady } from "./worker.ts";

/** Beyond the drain, for what a worker does at its end; then it is killed. */
const END_MS_MAX = 8_000;
const SAME_SIGNAL_MS = 1_000;
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 30_000;
/** A worker that lived this long starts again at once, however often others died before. */
const STABLE_MS = 30_000;

interface Place {
  readonly index: number;
  process: Subprocess | undefined;
  /** The process takes requests. */
  isReady: boolean;
  startedAt: number;
  failures: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Runs several workers on one port until a signal ends them: brings the store up to date once, starts them, starts a dead
 * one again, passes signals on. It serves nothing itself, and workers end when it does.
 * @returns the exit code: 0 when every worker ended in order, 1 otherwise or where they could not start.
 */
export async function supervise(options: ServeOptions): Promise<number> {
  const startedAt = performance.now() - process.uptime() * 1000;
  const { settings } = options;
  const log = createLog(settings.logging);
  for (const note of options.notes) log.warn({}, note);
  let newKey: string | undefined;
  try {
    newKey = await prepareFirstStart(settings, log);
  } catch (cause) {
    log.error({ err: cause }, "the gateway could not start");
    return 1;
  }
  const group = new WorkerGroup(options, await portOf(options), log);
  let endingSince: number | undefined;
  const end = (signal: NodeJS.Signals): void => {
    const isRepeated = endingSince !== undefined;
    // A terminal and the process above us may both pass on one key press.
    if (endingSince !== undefined && performance.now() - endingSince < SAME_SIGNAL_MS) return;
    endingSince ??= performance.now();
    log.info({ signal }, isRepeated ? "second signal: ending at once" : "shutting down");
    group.end(isRepeated ? "SIGKILL" : "SIGTERM");
  };
  process.on("SIGTERM", () => end("SIGTERM"));
  process.on("SIGINT", () => end("SIGINT"));
  const startedOnTerminal = process.stdin.isTTY === true;
  process.on("SIGHUP", () => {
    if (startedOnTerminal && !terminalStands()) end("SIGHUP");
    else group.signal("SIGHUP");
  });
  void group.ready.then(({ url, servers, version }) => {
    const readyAt = performance.now();
    log.info({ url, workers: settings.workers, startupMs: Math.round(readyAt - startedAt) }, "ready");
    const isTerminal = process.stdout.isTTY === true;
    const startupMs = readyAt - startedAt;
    greet({ settings, url, version, startupMs, newKey, servers, isTerminal }, log);
  });
  const code = await group.ended;
  log.info({ code }, "ended");
  return code;
}

/** Workers cannot each take a port of their own where the configuration says that any will do. */
function portOf({ settings }: ServeOptions): Promise<number | undefined> {
  return settings.server.port === 0 ? freePort(settings.server.host) : Promise.resolve(undefined);
}

class WorkerGroup {
  readonly #options: ServeOptions;
  readonly #port: number | undefined;
  readonly #log: ReturnType<typeof createLog>;
  readonly #replica = crypto.randomUUID().slice(0, 8);
  readonly #places: Place[];
  readonly #ready = Promise.withResolvers<WorkerReady>();
  readonly #ended = Promise.withResolvers<number>();
  readonly #readyPlaces = new Set<number>();
  #isStarted = false;
  #isEnding = false;
  #code = 0;

  constructor(options: ServeOptions, port: number | undefined, log: ReturnType<typeof createLog>) {
    this.#options = options;
    this.#port = port;
    this.#log = log;
    this.#places = Array.from({ length: options.settings.workers }, (_, index) => ({
      index,
      process: undefined,
      isReady: false,
      startedAt: 0,
      failures: 0,
      timer: undefined,
    }));
    for (const place of this.#places) this.#start(place);
  }

  /** Resolves once, when every worker takes requests. */
  get ready(): Promise<WorkerReady> {
    return this.#ready.promise;
  }
  get ended(): Promise<number> {
    return this.#ended.promise;
  }

  signal(signal: NodeJS.Signals): void {
    for (const { process: worker } of this.#places) worker?.kill(signal);
  }

  /** No worker is started any more; those that do not end in time are killed. */
  end(signal: "SIGTERM" | "SIGKILL"): void {
    if (!this.#isEnding) {
      this.#isEnding = true;
      for (const { timer } of this.#places) clearTimeout(timer);
      const { shutdownDelayMs, shutdownDrainMs } = this.#options.settings.server;
      setTimeout(() => this.signal("SIGKILL"), shutdownDelayMs + shutdownDrainMs + END_MS_MAX).unref();
    }
    this.signal(signal);
    this.#endIfEmpty();
  }

  #start(place: Place): void {
    const isReplacement = this.#readyPlaces.has(place.index);
    const worker = { replica: this.#replica, index: place.index, isReplacement };
    place.startedAt = performance.now();
    place.isReady = false;
    place.process = startWorker(worker, this.#port, {
      onReady: (ready) => this.#onReady(place, ready),
      onExit: (code) => this.#onExit(place, code),
    });
  }

  #onReady(place: Place, ready: WorkerReady): void {
    place.isReady = true;
    this.#readyPlaces.add(place.index);
    if (this.#readyPlaces.size < this.#places.length) return;
    this.#isStarted = true;
    this.#ready.resolve(ready);
  }

  #onExit(place: Place, code: number | null): void {
    const { index, process: worker } = place;
    place.process = undefined;
    if (this.#isEnding) {
      // One that was still starting knows no signals yet, and had nothing to end in order.
      if (code !== 0 && place.isReady) this.#code = 1;
      this.#endIfEmpty();
      return;
    }
    const livedMs = performance.now() - place.startedAt;
    if (!this.#isStarted && !this.#readyPlaces.has(index)) {
      this.#log.error({ worker: index, code }, "a worker could not start");
      this.#code = 1;
      this.end("SIGTERM");
      return;
    }
    place.failures = livedMs >= STABLE_MS ? 0 : place.failures + 1;
    const delayMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** Math.max(0, place.failures - 1));
    const signal = worker?.signalCode ?? undefined;
    this.#log.error(
      { worker: index, code, signal, againInMs: delayMs },
      "a worker died and is started again",
    );
    place.timer = setTimeout(() => this.#start(place), delayMs);
  }

  #endIfEmpty(): void {
    if (this.#places.every((place) => place.process === undefined)) this.#ended.resolve(this.#code);
  }
}
