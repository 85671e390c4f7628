import { expect } from "bun:test";
import { eventually } from "../e2e/child.ts";
import type { Processes } from "../e2e/processes.ts";
import { startReplicas } from "../e2e/processes.ts";
import { RawSession } from "../e2e/raw-session.ts";
import { fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { call, noncesSeen } from "./load.ts";
import { restart, untilConnected } from "./restarted.ts";

const CONNECTIONS = 16;
const SESSIONS = 4;

/** Stands in front of the replicas; the tests' own, or another one. */
export type Balance = (processes: Processes) => Promise<{ readonly url: string; stop(): Promise<void> }>;

/**
 * Replaces both replicas, one after the other and over again, while clients of both eras call through a balancer, until
 * `callsMin` calls were made. No call may fail, and the server sees each once. @returns undefined without PostgreSQL
 */
export async function restartUnderLoad(callsMin: number, balance: Balance): Promise<number | undefined> {
  const echo = await startEcho("modern");
  const processes = await startReplicas({
    servers: [fixtureEntry("echo", echo, "streamable-http")],
    settings: { server: { shutdown: { delay: "300ms" } } },
  });
  if (processes === undefined) {
    await echo.stop();
    return undefined;
  }
  const balancer = await balance(processes);
  const children = processes.gateways.map(({ child }) => child);
  try {
    for (const gateway of processes.gateways) await untilConnected(gateway, ["echo"]);
    const failures: unknown[] = [];
    const nonces = new Set<string>();
    let isRunning = true;
    const modern = async (): Promise<void> => {
      while (isRunning) {
        const nonce = crypto.randomUUID();
        nonces.add(nonce);
        const end = await call(balancer.url, nonce, { ms: nonces.size % 10 === 0 ? 30 : 0 });
        if (end.end !== "ok") failures.push(end);
      }
    };
    const legacy = async (): Promise<void> => {
      const session = await RawSession.open(balancer.url);
      while (isRunning) {
        const nonce = crypto.randomUUID();
        nonces.add(nonce);
        const answer = await session
          .request("tools/call", { name: "echo", arguments: { nonce } })
          .catch((failure: unknown) => ({ error: String(failure) }));
        if (!JSON.stringify(answer).includes(nonce)) failures.push(answer);
      }
    };
    const loops = [
      ...Array.from({ length: CONNECTIONS }, modern),
      ...Array.from({ length: SESSIONS }, legacy),
    ];
    do {
      for (const [index, gateway] of processes.gateways.entries()) {
        await Bun.sleep(300);
        children[index]?.kill("SIGTERM");
        expect(await children[index]?.exited).toBe(0);
        children[index] = await restart(gateway);
        await untilConnected(gateway, ["echo"]);
      }
    } while (nonces.size < callsMin);
    isRunning = false;
    await Promise.all(loops);
    expect(failures).toEqual([]);
    const seen = await eventually("the server saw every call", async () => {
      const counts = await noncesSeen(echo);
      return [...nonces].every((nonce) => counts.has(nonce)) ? counts : undefined;
    });
    expect([...seen].filter(([nonce, times]) => nonces.has(nonce) && times !== 1)).toEqual([]);
    return nonces.size;
  } finally {
    await balancer.stop();
    for (const child of children) await child.stop();
    await processes.stop();
    await echo.stop();
  }
}

/** The tests' own balancer, which looks at `/ready`. */
export const alternating: Balance = (processes) => {
  processes.balancer.watch();
  return Promise.resolve({ url: processes.mcpUrl("echo"), stop: () => Promise.resolve() });
};
