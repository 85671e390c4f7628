import { afterAll, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import {
  channelContext,
  failure,
  Observer,
  said,
  serverDefinition,
  stdio,
  testCall,
  tool,
  until,
} from "../../../../test/fixtures/children/harness.ts";
import type { ServerDefinition } from "../../../model/server.ts";
import type { ChannelSettings } from "../channel/settings.ts";
import type { Connection } from "../connection.ts";
import { connectStdio } from "./connect-stdio.ts";
import { LocalChildHost } from "./local-child-host.ts";

const BUN = process.execPath;
const root = resolve(import.meta.dir, "../../../..");
const SCRIPTED = `${root}/test/fixtures/children/scripted.ts`;
const EVERYTHING = `${root}/test/fixtures/everything.ts`;
const packaged = (name: string) => `${root}/node_modules/@modelcontextprotocol/${name}/dist/index.js`;

const context = channelContext();
const host = new LocalChildHost(process.env, context.log);
const open: Connection[] = [];
afterAll(() => host.close());

async function connect(
  connection: ServerDefinition["connection"],
  about: {
    observer?: Observer;
    server?: Partial<ServerDefinition>;
    settings?: Partial<ChannelSettings>;
    era?: "legacy" | "modern";
  } = {},
): Promise<{ connection: Connection; observer: Observer }> {
  const observer = about.observer ?? new Observer();
  const made = await connectStdio(
    serverDefinition(connection, about.server),
    observer.request,
    { era: about.era },
    {
      ...context,
      settings: { ...context.settings, ...about.settings },
      childHost: host,
    },
  );
  open.push(made);
  return { connection: made, observer };
}
const scripted = (...args: string[]) => stdio(BUN, [SCRIPTED, ...args]);

describe("era detection", () => {
  test("a server that refuses the probe gets initialize on the same process", async () => {
    const started = host.children().length;
    const { connection } = await connect(scripted("refuse"));
    expect(connection).toMatchObject({ era: "legacy", revision: "2025-11-25", instructions: "Be gentle" });
    expect(connection.serverInfo).toEqual({ name: "scripted", version: "1" });
    expect(host.children().length).toBe(started + 1);
    const seen = said(await connection.request(tool("seen"))) as { method: string; params?: object }[];
    expect(seen.map((message) => message.method)).toEqual([
      "server/discover",
      "initialize",
      "notifications/initialized",
      "tools/call",
    ]);
    expect(seen[1]?.params).toEqual({
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "client", version: "2" },
    });
    await connection.close();
  });

  test("a server that is silent on the probe gets initialize after the probe's time", async () => {
    const { connection } = await connect(scripted("ignore"), { settings: { probeTimeoutMs: 300 } });
    expect(connection.era).toBe("legacy");
    await connection.close();
  });

  test.each(["crash", "poisoned"])(
    "a server that does not survive the probe (%s) is started afresh",
    async (how) => {
      const { connection } = await connect(scripted(how));
      expect(connection.era).toBe("legacy");
      const seen = said(await connection.request(tool("seen"))) as { method: string }[];
      expect(seen.map((message) => message.method)).not.toContain("server/discover");
      await connection.close();
    },
  );

  test("a known legacy server is not probed", async () => {
    const { connection } = await connect(scripted("crash"), { era: "legacy" });
    expect(connection.era).toBe("legacy");
    await connection.close();
  });

  test("revisions from 2024-11-05 on are taken, others refused with the reason", async () => {
    const { connection } = await connect(scripted("refuse", "2024-11-05"));
    expect(connection.revision).toBe("2024-11-05");
    await connection.close();
    const failed = await failure(connect(scripted("refuse", "1999-01-01"), { era: "legacy" }));
    expect(failed).toMatchObject({ code: "upstream_protocol_error" });
    expect(failed.reason).toContain("1999-01-01");
  });

  test("a dual-era server is spoken to in the modern era; settings can force either", async () => {
    const both = stdio(BUN, [EVERYTHING, "--transport", "stdio", "--era", "both"]);
    const modern = await connect(both);
    expect(modern.connection).toMatchObject({ era: "modern", revision: "2026-07-28" });
    await modern.connection.close();
    const legacy = await connect(both, { server: { protocol: "legacy" } });
    expect(legacy.connection.era).toBe("legacy");
    await legacy.connection.close();
    const failed = await failure(connect(scripted("refuse"), { server: { protocol: "modern" } }));
    expect(failed).toMatchObject({ code: "upstream_protocol_error" });
  });

  test("a modern server that answers the probe late is still found out", async () => {
    const late = stdio("/bin/sh", [
      "-c",
      `sleep 0.6; exec ${BUN} ${EVERYTHING} --transport stdio --era modern`,
    ]);
    const { connection } = await connect(late, { settings: { probeTimeoutMs: 100 } });
    expect(connection.era).toBe("modern");
    await connection.close();
  });
});

describe("real servers", () => {
  test.each([
    ["server-everything", ["stdio"], "echo", { message: "hi" }],
    ["server-memory", [], "read_graph", {}],
    ["server-filesystem", [root], "list_allowed_directories", {}],
  ] as const)("%s answers a call", async (name, args, toolName, params) => {
    const { connection } = await connect(stdio("node", [packaged(name), ...args]), {
      observer: new Observer(),
    });
    expect(connection.era).toBe("legacy");
    const listed = await connection.request(testCall("tools/list", {}));
    expect(
      listed.kind === "result" && (listed.result.tools as { name: string }[]).map((one) => one.name),
    ).toContain(toolName);
    const outcome = await connection.request(tool(toolName, params));
    expect(outcome.kind).toBe("result");
    await connection.ping(2_000);
    await connection.close();
  });
});

describe("what a child gets and tells", () => {
  test("four variables and the declared ones, never the gateway's own environment", async () => {
    const lean = new LocalChildHost({ PATH: process.env.PATH, HOME: "/tmp", SECRET: "s" }, context.log);
    const connection = await connectStdio(
      serverDefinition(stdio(BUN, [SCRIPTED], { environment: { DECLARED: "yes" }, workingDir: "/tmp" })),
      new Observer().request,
      {},
      { ...context, childHost: lean },
    );
    const environment = said(await connection.request(tool("environment"))) as Record<string, string>;
    expect(environment).toMatchObject({ HOME: "/tmp", DECLARED: "yes", cwd: "/tmp" });
    expect(Object.keys(environment)).not.toContain("SECRET");
    await lean.close();
    expect(lean.children().map((child) => child.status)).toEqual(["exited"]);
  });

  test.each([
    [stdio("no-such-command-here", []), "command no-such-command-here not found in PATH"],
    [stdio("/no/such/file", []), "command /no/such/file not found"],
    [stdio(`${root}/package.json`, []), `command ${root}/package.json is not executable`],
    [stdio("sh", [], { workingDir: "/no/such" }), "working directory /no/such does not exist"],
    [stdio("sh", [], { environment: { PATH: "/no/such" } }), "command sh not found in PATH"],
  ])("a command that cannot start fails with its reason (%#)", async (connection, reason) => {
    expect(await failure(connect(connection))).toMatchObject({ code: "upstream_unreachable", reason });
  });

  test("a child that dies at once fails with its exit code and last words", async () => {
    const failed = await failure(connect(stdio("/bin/sh", ["-c", "echo no config file >&2; exit 7"])));
    expect(failed.code).toBe("upstream_unreachable");
    expect(failed.reason).toBe("the process exited with code 7; it wrote: no config file");
  });

  test("a child that never answers fails at the connect timeout", async () => {
    const failed = await failure(
      connect(stdio("/bin/sleep", ["100"]), { settings: { probeTimeoutMs: 100, connectTimeoutMs: 800 } }),
    );
    expect(failed.code).toBe("upstream_timeout");
  });

  test("the last of exit, signal and error is kept", async () => {
    const { connection, observer } = await connect(scripted("refuse"));
    const failed = await failure(connection.request(tool("exit", { code: 5 })));
    expect(failed.code).toBe("upstream_lost");
    expect(failed.reason).toContain("exited with code 5; it wrote: going down");
    await until(() => host.children().some((child) => child.status === "exited" && child.exitCode === 5));
    expect(observer.losses).toHaveLength(1);
    expect(observer.losses[0]).toMatchObject({ orderly: false });
    expect((await failure(connection.request(tool("seen")))).code).toBe("upstream_lost");
  });

  test("an exit with code 0 is an orderly end", async () => {
    const { connection, observer } = await connect(scripted("refuse"));
    await failure(connection.request(tool("exit", { code: 0 })));
    await until(() => observer.losses.length > 0);
    expect(observer.losses[0]).toMatchObject({ orderly: true });
  });
});
