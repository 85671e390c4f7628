import type { RecordSink } from "../model/ports/record-sink.ts";
import { Drain, type DrainEvent } from "./drain.ts";
import { SharedPositions } from "./drain-position.ts";

/** What a journal hands to whatever drains it. */
export interface DrainContext {
  readonly journalDir: string;
  readonly chainId: string;
  readonly positions: SharedPositions;
  readonly report: (event: DrainEvent) => void;
}
export interface RunningDrain {
  /** In the order of their cells in `positions`. */
  readonly sinkNames: readonly string[];
  /** Records handed over and put aside since the start, all sinks. */
  counts(): { readonly records: number; readonly quarantined: number };
  /** Drains what is committed, at most `timeoutMs`, and ends. */
  stop(timeoutMs: number): Promise<void>;
}
export type StartDrain = (context: DrainContext) => RunningDrain;

declare const self: Worker;

const defaultIntervalMs = 250;

/** Drains on the event loop of the caller: for tests and tools. */
export function drainHere(sinks: readonly RecordSink[], intervalMs = defaultIntervalMs): StartDrain {
  return (context) => {
    const drains = sinks.map((sink, sinkIndex) => new Drain({ ...context, sink, sinkIndex, intervalMs }));
    for (const drain of drains) drain.start();
    return {
      sinkNames: sinks.map((sink) => sink.name),
      counts: () => sumOf(drains),
      stop: async (timeoutMs) => {
        await within(timeoutMs, Promise.all(drains.map((drain) => drain.stop())));
      },
    };
  };
}

export interface DrainThreadOptions {
  /** The module that calls `serveDrain`. */
  readonly worker: URL;
  /** Names of the sinks that module opens, in its order. */
  readonly sinkNames: readonly string[];
  /** What `openSinks` gets: anything that can be cloned. */
  readonly sinkOptions: unknown;
  readonly intervalMs?: number;
}

interface Start {
  readonly journalDir: string;
  readonly chainId: string;
  readonly buffer: SharedArrayBuffer;
  readonly sinkOptions: unknown;
  readonly intervalMs: number;
}
type ToThread = { readonly start: Start } | { readonly stop: true };
type FromThread =
  | { readonly event: DrainEvent }
  | { readonly counts: { records: number; quarantined: number } }
  | { readonly stopped: true };

/**
 * Drains in a thread of its own, which reads the journal's files: the data plane's loop pays nothing per record. A
 * thread that dies is started again after a second.
 */
export function drainInThread(options: DrainThreadOptions): StartDrain {
  return (context) => {
    let thread: Worker | undefined;
    let isStopping = false;
    let last = { records: 0, quarantined: 0 };
    const before = { records: 0, quarantined: 0 };
    const stopped = Promise.withResolvers<void>();

    const receive = (message: FromThread): void => {
      if ("event" in message) context.report(message.event);
      else if ("counts" in message) last = message.counts;
      else stopped.resolve();
    };
    const begin = (): void => {
      // The web's Worker: node:worker_threads costs memory more.
      const worker = new Worker(options.worker.href);
      thread = worker;
      worker.addEventListener("message", ({ data }: MessageEvent<FromThread>) => receive(data));
      worker.addEventListener("error", ({ message }) =>
        context.report({ kind: "outage", sink: options.sinkNames.join(), reason: messageIn(message) }),
      );
      worker.addEventListener("close", () => {
        before.records += last.records;
        before.quarantined += last.quarantined;
        last = { records: 0, quarantined: 0 };
        if (isStopping) stopped.resolve();
        else setTimeout(() => isStopping || begin(), 1_000).unref();
      });
      const start: Start = {
        journalDir: context.journalDir,
        chainId: context.chainId,
        buffer: context.positions.buffer,
        sinkOptions: options.sinkOptions,
        intervalMs: options.intervalMs ?? defaultIntervalMs,
      };
      worker.postMessage({ start } satisfies ToThread);
      worker.unref();
    };
    begin();

    return {
      sinkNames: options.sinkNames,
      counts: () => ({
        records: before.records + last.records,
        quarantined: before.quarantined + last.quarantined,
      }),
      stop: async (timeoutMs) => {
        isStopping = true;
        thread?.postMessage({ stop: true } satisfies ToThread);
        await within(timeoutMs, stopped.promise);
        thread?.terminate();
      },
    };
  };
}

/** Of what the runtime says of a thread's failure, the message without source and frames. */
function messageIn(text: string): string {
  return /^\w*error: .*$/im.exec(text)?.[0] ?? text;
}

/** The thread's side: call it once in the worker module, with the function that opens the sinks there. */
export function serveDrain(openSinks: (options: unknown) => Promise<readonly RecordSink[]>): void {
  if (Bun.isMainThread) throw new Error("serveDrain runs in a worker thread");
  const drains: Drain[] = [];
  const send = (message: FromThread): void => self.postMessage(message);
  const sendCounts = (): void => send({ counts: sumOf(drains) });
  let timer: ReturnType<typeof setInterval> | undefined;
  let opening: Promise<void> = Promise.resolve();

  const open = async (start: Start): Promise<void> => {
    const sinks = await openSinks(start.sinkOptions);
    const positions = new SharedPositions(start.buffer);
    for (const [sinkIndex, sink] of sinks.entries()) {
      const drain = new Drain({ ...start, positions, sink, sinkIndex, report: (event) => send({ event }) });
      drains.push(drain);
      drain.start();
    }
    timer = setInterval(sendCounts, 1_000);
  };
  const close = async (): Promise<void> => {
    await opening;
    clearInterval(timer);
    await Promise.all(drains.map((drain) => drain.stop()));
    sendCounts();
    send({ stopped: true });
  };
  self.onmessage = ({ data: message }: MessageEvent<ToThread>) => {
    if ("start" in message) {
      opening = open(message.start);
      // Sinks that cannot be opened end the thread: it is started again, and the reason reported.
      opening.catch((failure) => setImmediate(() => Promise.reject(failure)));
    } else {
      void close();
    }
  };
}

function sumOf(drains: readonly Drain[]): { records: number; quarantined: number } {
  return {
    records: drains.reduce((sum, drain) => sum + drain.records, 0),
    quarantined: drains.reduce((sum, drain) => sum + drain.quarantined, 0),
  };
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const handle = setTimeout(timer.resolve, timeoutMs);
  await Promise.race([work, timer.promise]);
  clearTimeout(handle);
}
