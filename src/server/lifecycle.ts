import { formatProblems } from "../config/problem.ts";
import type { ServeOptions } from "../config/serve-options.ts";
import type { ListenerSettings } from "../config/settings.ts";
import { ConfigWatch } from "../config/watch.ts";
import { createLog } from "../telemetry/log.ts";
import { greet } from "./greeting.ts";
import { requirePort } from "./listen.ts";
import { terminalStands } from "./terminal.ts";
import { type Wired, wire } from "./wire.ts";
import { reportReady } from "./worker.ts";

/** After the drain time, for closing what is left; together they stay within the 30 s an orchestrator gives. */
const SETTLED_MS = 1_000;
const CLOSE_MS_MAX = 4_000;
const SAME_SIGNAL_MS = 1_000;

/**
 * Runs the gateway until a signal ends it.
 * @returns the process's exit code: 0 after an orderly end, 1 where it could not start or did not end in time.
 */
export async function serve(options: ServeOptions): Promise<number> {
  const startedAt = performance.now() - process.uptime() * 1000;
  const { settings } = options;
  const { worker } = options;
  const log = createLog(settings.logging, undefined, worker && { worker: worker.index });
  // The supervisor has said them.
  if (worker === undefined) for (const note of options.notes) log.warn({}, note);
  process.on("unhandledRejection", (cause) => log.error({ err: cause }, "unhandled rejection"));
  process.on("uncaughtException", (cause) => log.error({ err: cause }, "uncaught exception"));
  const ended = Promise.withResolvers<number>();
  let wired: Wired;
  const following: { watch?: ConfigWatch | undefined } = {};
  try {
    // Workers share theirs with each other.
    if (worker === undefined) requirePort(settings.server);
    wired = await wire(options, log, async () => following.watch?.reloadNow());
  } catch (cause) {
    log.error({ err: cause }, "the gateway could not start");
    return 1;
  }
  following.watch = watchConfig(options, wired, log);
  let endingSince: number | undefined;
  const end = (signal: string) => {
    if (endingSince !== undefined) {
      // A terminal and the process above us may both pass on one key press.
      if (performance.now() - endingSince < SAME_SIGNAL_MS) return;
      log.warn({ signal }, "second signal: ending at once");
      process.exit(1);
    }
    endingSince = performance.now();
    following.watch?.close();
    log.info({ signal, underWay: wired.underWay() }, "shutting down");
    shutDown(wired, settings.server).then(
      (clean) => ended.resolve(clean ? 0 : 1),
      (cause: unknown) => {
        log.error({ err: cause }, "shutdown failed");
        ended.resolve(1);
      },
    );
  };
  process.on("SIGTERM", () => end("SIGTERM"));
  process.on("SIGINT", () => end("SIGINT"));
  const startedOnTerminal = process.stdin.isTTY === true;
  process.on("SIGHUP", () => {
    if (startedOnTerminal && !terminalStands()) end("SIGHUP");
    else void following.watch?.reloadNow();
  });
  const readyAt = performance.now();
  setTimeout(() => giveBack(wired), SETTLED_MS).unref();
  log.info({ url: wired.url, startupMs: Math.round(readyAt - startedAt) }, "ready");
  if (worker !== undefined) {
    const ready = { url: wired.url, version: wired.version, servers: wired.serverNames() };
    reportReady(ready, () => end("the supervisor is gone"));
  } else {
    const { url, version, newKey } = wired;
    const isTerminal = process.stdout.isTTY === true;
    const servers = wired.serverNames();
    greet({ settings, url, version, startupMs: readyAt - startedAt, newKey, servers, isTerminal }, log);
  }
  const code = await ended.promise;
  log.info({ code }, "ended");
  return code;
}

/**
 * What only the start needed goes back before the first idle hour, not after it: garbage, and compiled code, which is 10 MiB
 * that mostly ran once. What is called is compiled again, so a process that has calls under way keeps its code.
 */
function giveBack(wired: Wired): void {
  Bun.gc(true);
  if (wired.underWay() === 0) Bun.shrink();
}

type Times = Pick<ListenerSettings, "shutdownDelayMs" | "shutdownDrainMs">;

/** Refuse new work, let calls finish, interrupt the rest, close everything. @returns false where something did not close in time */
async function shutDown(wired: Wired, { shutdownDelayMs, shutdownDrainMs }: Times): Promise<boolean> {
  wired.turnAway();
  if (shutdownDelayMs > 0) await Bun.sleep(shutdownDelayMs);
  wired.refuseNewWork();
  const until = performance.now() + shutdownDrainMs;
  while (wired.underWay() > 0 && performance.now() < until) await Bun.sleep(20);
  wired.interrupt();
  const grace = performance.now() + 1_000;
  while (wired.underWay() > 0 && performance.now() < grace) await Bun.sleep(20);
  const closed = wired.close().then(() => true);
  return Promise.race([closed, Bun.sleep(CLOSE_MS_MAX).then(() => false)]);
}

function watchConfig(
  options: ServeOptions,
  wired: Wired,
  log: ReturnType<typeof createLog>,
): ConfigWatch | undefined {
  if (options.configPath === undefined) return undefined;
  return new ConfigWatch({
    path: options.configPath,
    current: options.settings,
    reload: options.reload,
    onChange: ({ settings, restartNeeded }) => {
      log.setLevel(settings.logging.level);
      wired.apply(settings);
      if (restartNeeded.length > 0)
        log.warn({ keys: restartNeeded }, "these settings take effect at the next start");
      log.info({}, "configuration reloaded");
    },
    onProblems: (problems) =>
      log.error({ problems: formatProblems(problems) }, "configuration refused; the old one stays"),
    onFailure: (cause) => log.error({ err: cause }, "configuration could not be read again"),
  });
}
