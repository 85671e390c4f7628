import { join } from "node:path";
import { type Child, eventually, startChild } from "../e2e/child.ts";
import type { Gateway } from "../e2e/gateway.ts";

const PROGRAM = join(import.meta.dir, "../../bin/mcp-gateway");

/** Starts a gateway that ended once more, with the configuration and data it had; resolves when it is ready. */
export async function restart(gateway: Gateway): Promise<Child> {
  const child = startChild([PROGRAM, "serve", "--config", join(gateway.folder, "gateway.yaml")], {
    cwd: gateway.folder,
    environment: gateway.environment,
  });
  await untilReady(child, gateway.origin);
  return child;
}

async function untilReady(child: Child, origin: string): Promise<void> {
  await eventually(
    "the gateway is ready again",
    async () => {
      if (!child.isRunning()) throw new Error(`the gateway ended: ${child.output()}`);
      const answer = await fetch(`${origin}/ready`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    },
    { timeoutMs: 15_000 },
  );
}

/** A server counts as connected once its tools are listed; until then calls would tell of the start, not of the fault. */
export async function untilConnected(
  gateway: Gateway,
  servers: readonly string[],
  key?: string,
): Promise<void> {
  await eventually(`connected: ${servers.join(", ")}`, async () => {
    const listed = await statusOf(gateway, key);
    return servers.every((name) => listed.get(name)?.status === "ready") ? true : undefined;
  });
}

export interface ServerStatus {
  readonly name: string;
  readonly status: string;
  readonly tools: number;
  readonly reason?: string | null;
  readonly breaker?: string | null;
}

/** What `/mcp/status` tells an administrator, by server name. */
export async function statusOf(
  gateway: Pick<Gateway, "origin">,
  key?: string,
): Promise<Map<string, ServerStatus>> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await fetch(`${gateway.origin}/mcp/status`, { headers });
  const { servers } = (await answer.json()) as { servers: ServerStatus[] };
  return new Map(servers.map((server) => [server.name, server]));
}
