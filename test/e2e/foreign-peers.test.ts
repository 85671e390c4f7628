import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ClientKind, clientKinds, connect, inspect, legacyKinds, type Target } from "./clients.ts";
import { actsAt, clientsByEra, matrixServers } from "./era-matrix.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { interplay, usesServerEverything } from "./interplay.ts";
import {
  fixtureEntry,
  fixtureStdioEntry,
  officialStdio,
  startFixture,
  startServerEverything,
  type Upstream,
} from "./upstreams.ts";

const TIMEOUT_MS = 30_000;

let folder: string;
let legacy: Upstream;
let modern: Upstream;
let sse: Upstream;
let serverEverything: Upstream;
let gateway: Gateway | undefined;

/** The gateway of these tests; a failed start fails each of them with the reason. */
let start: Promise<Gateway>;

beforeAll(async () => {
  folder = await mkdtemp(join(process.env.TMPDIR ?? "/tmp", "foreign-peers-"));
  await writeFile(join(folder, "hello.txt"), "hello from a file");
  [legacy, modern, sse, serverEverything] = await Promise.all([
    startFixture("legacy"),
    startFixture("modern"),
    startFixture("legacy", "sse"),
    startServerEverything(),
  ]);
  start = startGateway({
    servers: [
      fixtureEntry("legacy", legacy, "streamable-http"),
      fixtureEntry("modern", modern, "streamable-http"),
      fixtureEntry("legacy-sse", sse, "sse"),
      fixtureStdioEntry("legacy-child", "legacy"),
      { ...fixtureStdioEntry("shared-child", "legacy"), sharing: "shared" },
      fixtureStdioEntry("modern-child", "modern"),
      fixtureEntry("everything", serverEverything, "streamable-http"),
      officialStdio.everything("everything-child"),
      officialStdio.filesystem("files", folder),
      officialStdio.memory("memory", join(folder, "memory.json")),
    ],
  });
  gateway = await start.catch(() => undefined);
}, TIMEOUT_MS);

afterAll(async () => {
  await gateway?.stop();
  await Promise.all([legacy, modern, sse, serverEverything].map((upstream) => upstream?.stop()));
  await rm(folder, { recursive: true, force: true });
}, TIMEOUT_MS);

const acts = Object.entries(interplay);

describe("directly: the peers and the fixture understand each other", () => {
  for (const kind of clientKinds) {
    for (const [name, act] of acts) {
      test(
        `${kind} ${name}`,
        async () => {
          await using peer = await connect(kind, legacyKinds.includes(kind) ? legacy.url : modern.url);
          await act(peer);
        },
        TIMEOUT_MS,
      );
    }
  }
});

describe("directly: the same over stdio and over HTTP+SSE", () => {
  const child = (era: "legacy" | "modern"): Target => {
    const { command = "", args = [] } = fixtureStdioEntry("child", era);
    return { command, args };
  };
  const rows: readonly [string, ClientKind, () => Target][] = [
    ["stdio", "sdk1-legacy", () => child("legacy")],
    ["stdio", "sdk2-modern", () => child("modern")],
    ["SSE", "sdk1-legacy", () => ({ sse: sse.url })],
  ];
  for (const [transport, kind, target] of rows) {
    for (const [name, act] of acts) {
      test(
        `${kind} over ${transport}: ${name}`,
        async () => {
          await using peer = await connect(kind, target());
          await act(peer);
        },
        TIMEOUT_MS,
      );
    }
  }
});

describe("directly: the old clients and the official server-everything", () => {
  for (const kind of legacyKinds) {
    test(
      kind,
      async () => {
        await using peer = await connect(kind, serverEverything.url);
        await usesServerEverything(peer);
      },
      TIMEOUT_MS,
    );
  }
});

describe("through the gateway, every client at every server", () => {
  for (const clients of ["legacy", "modern"] as const) {
    for (const kind of clientsByEra[clients]) {
      for (const server of matrixServers) {
        for (const act of actsAt(server)) {
          test(
            `${kind} > ${server.name}: ${act}`,
            async () => {
              await using peer = await connect(kind, (await start).mcpUrl(server.name));
              await interplay[act](peer);
            },
            TIMEOUT_MS,
          );
        }
      }
    }
  }
});

describe("through the gateway, a client that declared nothing is not asked, and its call ends with the reason", () => {
  for (const kind of clientKinds) {
    for (const server of matrixServers) {
      test(
        `${kind} > ${server.name}`,
        async () => {
          await using peer = await connect(kind, (await start).mcpUrl(server.name), { isMute: true });
          for (const tool of ["test_elicitation", "test_elicitation_url", "test_sampling", "test_roots"]) {
            const args = { message: "Who are you?", prompt: "Say something" };
            const told = await peer.call(tool, args).then(
              ({ text, isError }) => `${isError} ${text}`,
              (thrown) => `true ${thrown}`,
            );
            expect(told).toMatch(/^true .*(capabilit|declare|cannot|does not support)/i);
          }
        },
        TIMEOUT_MS,
      );
    }
  }
});

describe("through the gateway, the official servers (legacy), from every client", () => {
  for (const kind of clientKinds) {
    for (const server of ["everything", "everything-child"]) {
      test(
        `${kind} > ${server}: tools, progress, resources, prompts, completion`,
        async () => {
          await using peer = await connect(kind, (await start).mcpUrl(server));
          await usesServerEverything(peer);
        },
        TIMEOUT_MS,
      );
    }
    test(
      `${kind} > files: lists and reads`,
      async () => {
        await using peer = await connect(kind, (await start).mcpUrl("files"));
        expect(await peer.tools()).toContain("read_text_file");
        const read = await peer.call("read_text_file", { path: join(folder, "hello.txt") });
        expect(read.text).toBe("hello from a file");
        expect((await peer.call("read_text_file", { path: "/etc/passwd" })).isError).toBe(true);
      },
      TIMEOUT_MS,
    );
    test(
      `${kind} > memory: writes and reads back`,
      async () => {
        await using peer = await connect(kind, (await start).mcpUrl("memory"));
        const name = `entity-${kind}`;
        const entities = [{ name, entityType: "test", observations: [kind] }];
        expect((await peer.call("create_entities", { entities })).isError).toBe(false);
        expect((await peer.call("open_nodes", { names: [name] })).text).toContain(kind);
      },
      TIMEOUT_MS,
    );
  }
});

describe("the merged endpoint", () => {
  for (const kind of clientKinds) {
    test(
      `${kind} sees every server's tools under server__tool and calls them`,
      async () => {
        await using peer = await connect(kind, (await start).mcpUrl());
        const tools = await peer.tools();
        expect(tools).toContain("files__read_text_file");
        expect(tools).toContain("memory__create_entities");
        expect(tools).toContain("legacy__test_echo");
        expect(tools).toContain("modern__test_echo");
        const server = legacyKinds.includes(kind) ? "legacy" : "modern";
        expect((await peer.call(`${server}__test_echo`, { nonce: "merged" })).text).toBe("merged");
        expect((await peer.call(`${server}:test_echo`, { nonce: "canonical" })).text).toBe("canonical");
        // Unique among all servers, so the bare name resolves; the fixture's names are not.
        expect((await peer.call("read_text_file", { path: join(folder, "hello.txt") })).text).toContain(
          "hello",
        );
        await expect(peer.call("test_echo", { nonce: "ambiguous" })).rejects.toThrow();
        expect(await peer.prompts()).toContain(`${server}__test_simple_prompt`);
        expect(await peer.prompt(`${server}__test_simple_prompt`, {})).toContain("simple prompt");
      },
      TIMEOUT_MS,
    );
  }
});

describe("the Inspector's command line", () => {
  for (const [era, server] of [
    ["legacy", "legacy"],
    ["modern", "modern"],
    ["auto", "modern"],
  ] as const) {
    test(
      `${era} > ${server}: lists, calls, and tells a tool's error`,
      async () => {
        const url = (await start).mcpUrl(server);
        const listed = await inspect(url, era, "--method", "tools/list");
        expect(listed).toMatchObject({ code: 0 });
        expect(listed.out).toContain("test_simple_text");
        const call = ["--method", "tools/call", "--tool-args-json", "{}", "--tool-name"];
        const called = await inspect(url, era, ...call, "test_simple_text");
        expect(called.out).toContain("This is a simple text response for testing.");
        expect((await inspect(url, era, ...call, "test_error_handling")).code).toBe(5);
      },
      TIMEOUT_MS,
    );
  }
});
