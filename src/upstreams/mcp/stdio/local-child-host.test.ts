import { afterAll, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { churn } from "../../../../test/fixtures/children/churn.ts";
import { processesWith, silentLog, until } from "../../../../test/fixtures/children/harness.ts";
import { longestTurnMs, unstalledMs } from "../../../../test/fixtures/own-time.ts";
import type { Child, ChildLimits } from "../../../model/ports/child-host.ts";
import type { Log } from "../../../model/ports/log.ts";
import { LocalChildHost } from "./local-child-host.ts";

const root = resolve(import.meta.dir, "../../../..");
const GATEWAY = `${root}/test/fixtures/children/gateway.ts`;
const limits: ChildLimits = { lineBytesMax: 100_000, unsentBytesMax: 100_000 };

const hosts: LocalChildHost[] = [];
afterAll(() => Promise.all(hosts.map((host) => host.close())));
function newHost(): LocalChildHost {
  const host = new LocalChildHost(process.env, silentLog);
  hosts.push(host);
  return host;
}

interface Started {
  readonly child: Child;
  readonly tag: string;
  readonly lines: string[];
  readonly ends: { reason: string; orderly: boolean }[];
}
/** Starts a shell script whose processes can be recognised by `tag`. */
function shell(host: LocalChildHost, script: string): Started {
  const tag = crypto.randomUUID();
  const lines: string[] = [];
  const ends: Started["ends"] = [];
  const child = host.start(
    {
      label: "t",
      command: "/bin/sh",
      args: ["-c", script],
      environment: { TAG: tag },
      workingDir: undefined,
    },
    limits,
    { onLine: (line) => lines.push(line), onEnd: (end) => ends.push(end) },
  );
  return { child, tag, lines, ends };
}
const left = (tag: string) => processesWith(`TAG=${tag}`).length;

describe("stopping a child", () => {
  test.concurrent.each([
    ["ends by itself when its input closes", "cat", 1_000],
    ["ignores the end of its input", "sleep 1000", 4_000],
    ["ignores SIGTERM as well", "trap '' TERM; while :; do sleep 1; done", 6_000],
    ["left a process in its group", "sleep 1000 & cat", 4_000],
    ["left one that ignores SIGTERM", "(trap '' TERM; while :; do sleep 1; done) & cat", 6_000],
    ["left one in a session of its own", "setsid sleep 1000 & cat", 4_000],
    [
      "left one there that ignores SIGTERM",
      "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & cat",
      6_000,
    ],
    ["left a double fork", "(setsid sh -c 'sleep 1000 & sleep 1000 &' &); cat", 4_000],
  ])(
    "that %s leaves nothing behind",
    async (_, script, withinMs) => {
      const { child, tag, ends } = shell(newHost(), script);
      await until(() => left(tag) >= (script.includes("&") ? 2 : 1));
      expect(await unstalledMs(() => child.stop())).toBeLessThan(withinMs);
      expect(left(tag)).toBe(0);
      expect(child.state.status).toBe("exited");
      // Whoever stops it knows.
      expect(ends).toEqual([]);
    },
    60_000,
  );

  test.concurrent("a crash cleans up what the child had started", async () => {
    const { tag, ends } = shell(newHost(), "setsid sleep 1000 & sleep 1000 & sleep 0.2; exit 9");
    await until(() => ends.length > 0);
    expect(ends).toEqual([{ reason: "the process exited with code 9", orderly: false }]);
    await until(() => left(tag) === 0);
  }, 10_000);

  test.concurrent("closing only its output ends a child", async () => {
    const { tag, ends, child } = shell(newHost(), "exec >&-; sleep 1000");
    await until(() => ends.length > 0);
    expect(ends[0]?.reason).toBe("the process closed its output");
    await until(() => left(tag) === 0, 10_000);
    expect(child.state.error).toBe("the process closed its output");
  }, 15_000);
});

describe("a child's pipes", () => {
  test("lines arrive whole, in order, with the last words of a dying process", async () => {
    const { lines, ends } = shell(
      newHost(),
      "printf 'a\\nb'; sleep 0.1; printf 'c\\r\\n\\n'; echo last; exit 0",
    );
    await until(() => ends.length > 0);
    expect(lines).toEqual(["a", "bc", "last"]);
    expect(ends[0]).toEqual({ reason: "the process exited with code 0", orderly: true });
  });

  test("an endless line is given up at the bound", async () => {
    const { lines, ends, tag } = shell(newHost(), "tr '\\0' x </dev/zero");
    await until(() => ends.length > 0);
    expect(ends[0]?.reason).toContain("exceeds 100000 bytes");
    expect(lines).toEqual([]);
    await until(() => left(tag) === 0, 10_000);
  }, 15_000);

  test("a child that never reads is written to up to the bound, then refused", async () => {
    const { child } = shell(newHost(), "sleep 1000");
    const line = "x".repeat(50_000);
    const refusal = () => {
      for (let i = 0; i < 100; i++) void Promise.resolve(child.write(line)).catch(() => {});
    };
    expect(refusal).toThrow(/does not read its input/);
  }, 10_000);

  test("a child that reads slowly gets everything", async () => {
    const { child, lines } = shell(newHost(), "sleep 0.3; head -c 500000 | wc -c");
    for (let i = 0; i < 10; i++) await child.write("y".repeat(49_999));
    await until(() => lines.length > 0);
    expect(lines).toEqual(["500000"]);
  });

  test("the last 64 lines of stderr are kept, long ones cut", async () => {
    const { child, ends } = shell(
      newHost(),
      'i=0; while [ $i -lt 100 ]; do echo "line $i" >&2; i=$((i+1)); done; printf "%05000d\\n" 7 >&2',
    );
    await until(() => ends.length > 0);
    expect(child.stderrTail).toHaveLength(64);
    expect(child.stderrTail[0]).toBe("line 37");
    expect(child.stderrTail[63]).toBe("0".repeat(2048));
  });

  test("a flood of stderr does not hold the gateway up", async () => {
    shell(newHost(), "yes complaint >&2");
    const longest = await longestTurnMs(async () => {
      for (let i = 0; i < 50; i++) await Bun.sleep(10);
    });
    expect(longest).toBeLessThan(200);
  }, 30_000);
});

test("100 sessions opened and closed leave no orphan and no zombie", async () => {
  expect(await churn(newHost(), 100)).toEqual({ orphans: [], zombies: [] });
}, 60_000);

describe("the end of the gateway", () => {
  async function gateway(...scripts: string[]) {
    const tag = crypto.randomUUID();
    const process_ = Bun.spawn(
      [process.execPath, GATEWAY, ...scripts.map((script) => `T=${tag}; export T; ${script}`)],
      {
        stdin: "pipe",
        stdout: "pipe",
      },
    );
    const reader = process_.stdout.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    const { watchdog } = JSON.parse(first) as { watchdog: number };
    return { process: process_, watchdog, tag };
  }
  const alive = (pid: number) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  const tagged = (tag: string) => processesWith(`T=${tag}`).length;

  test.concurrent("killed: everything it started is gone within 10 s", async () => {
    // Known by its group alone.
    const nameless = String(1_000_000 + Math.floor(Math.random() * 1_000_000));
    const held = await gateway(
      "sleep 1000; true",
      "trap '' TERM; while :; do sleep 1; done",
      "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & sleep 1000",
      `env -i /bin/sleep ${nameless}; true`,
    );
    await until(() => tagged(held.tag) >= 5 && processesWith(`sleep\0${nameless}`, "cmdline").length === 1);
    held.process.kill("SIGKILL");
    const killedAt = Date.now();
    await until(() => tagged(held.tag) === 0 && !alive(held.watchdog), 10_000);
    expect(processesWith(`sleep\0${nameless}`, "cmdline")).toEqual([]);
    expect(Date.now() - killedAt).toBeLessThan(10_000);
  }, 20_000);

  test.concurrent.each(["close", "exit"])(
    "in order (%s): nothing is left, the watchdog neither",
    async (how) => {
      const held = await gateway("sleep 1000 & cat");
      await until(() => tagged(held.tag) >= 1);
      held.process.stdin.write(how);
      held.process.stdin.end();
      await until(() => tagged(held.tag) === 0 && !alive(held.watchdog), 10_000);
      held.process.kill();
      await held.process.exited;
    },
    20_000,
  );

  test.concurrent("a watchdog that was killed is replaced", async () => {
    const host = newHost();
    shell(host, "cat");
    const first = host.watchdogPid as number;
    process.kill(first, "SIGKILL");
    await until(() => host.watchdogPid !== undefined && host.watchdogPid !== first);
    expect(alive(host.watchdogPid as number)).toBe(true);
  });
});

test("what ran and how it ended can be listed", async () => {
  const host = newHost();
  const { child, ends } = shell(host, "kill -USR1 $$");
  expect(host.children()).toMatchObject([{ pid: child.state.pid, label: "t", status: "running" }]);
  await until(() => ends.length > 0);
  await until(() => host.children()[0]?.status === "exited");
  expect(host.children()).toMatchObject([{ signal: "SIGUSR1", exitCode: undefined }]);
});

test("a program that ends at once, over and over, is told of once", async () => {
  const said: string[] = [];
  let ended = 0;
  const count = (message = "") => {
    if (message === "process ended") ended++;
    return message;
  };
  const log: Log = {
    ...silentLog,
    info: (_, message) => said.push(count(message)),
    debug: (_, message) => count(message),
    child: () => log,
  };
  const host = new LocalChildHost(process.env, log);
  hosts.push(host);
  // What is said of the end decides what is said of the next start.
  const run = async (script: string) => {
    const before = ended;
    shell(host, script);
    await until(() => ended > before);
  };
  for (let n = 0; n < 3; n++) await run("exit 3");
  expect(said).toEqual(["process started", "process ended"]);
  await run("exit 0");
  await run("exit 0");
  expect(said).toEqual(["process started", "process ended", "process started", "process ended"]);
});
