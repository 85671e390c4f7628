import { describe, expect, test } from "bun:test";
import { ownMs } from "../../test/fixtures/own-time.ts";
import { InProcessGateway, sealerOfOneKey } from "../../test/integration/in-process-gateway.ts";
import type { ListOutcome } from "../model/call.ts";
import type { ExchangeInit } from "../model/exchange.ts";
import { InProcessUpstream, listsOf, tool } from "../model/ports/in-process-upstream.testing.ts";
import {
  sampleEndpoint,
  sampleNamespace,
  samplePrincipal,
  sampleServer,
} from "../model/sample-exchange.testing.ts";
import { compilePermissions } from "../policy/authorize/permissions.ts";
import { createSealer } from "../storage/sealing.ts";
import { MergedCatalog } from "./catalog.ts";
import { compilePart } from "./catalog-part.ts";
import { Listing } from "./listing.ts";

const many = (count: number, prefix = "t") =>
  Array.from({ length: count }, (_, i) => tool(`${prefix}${String(i).padStart(5, "0")}`));

async function list(gateway: InProcessGateway, over: Partial<ExchangeInit> = {}): Promise<ListOutcome> {
  return (await gateway.handle({ method: "tools/list", ...over })) as ListOutcome;
}
const namesIn = (outcome: ListOutcome): string[] =>
  (JSON.parse(`[${outcome.items}]`) as { name: string }[]).map(({ name }) => name);

async function allNames(gateway: InProcessGateway, over: Partial<ExchangeInit> = {}): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await list(gateway, { ...over, params: cursor === undefined ? {} : { cursor } });
    names.push(...namesIn(page));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return names;
}

describe("pages", () => {
  test("of a thousand, in order, each item once", async () => {
    await using gateway = new InProcessGateway([
      { name: "a", offer: { tools: many(1_500) } },
      { name: "b", offer: { tools: many(1_000) } },
    ]);
    const first = await list(gateway);
    expect(namesIn(first)).toHaveLength(1_000);
    const names = await allNames(gateway);
    expect(names).toHaveLength(2_500);
    expect(new Set(names).size).toBe(2_500);
    expect(names).toEqual([...names].sort());
  });

  test("of a mebibyte, but never without an item", async () => {
    const large = tool("large", { description: "x".repeat(3 * 1_048_576) });
    const medium = Array.from({ length: 8 }, (_, i) => tool(`m${i}`, { description: "y".repeat(300_000) }));
    await using gateway = new InProcessGateway([{ name: "s", offer: { tools: [large, ...medium] } }]);
    expect(namesIn(await list(gateway))).toEqual(["s__large"]);
    const second = await list(gateway, { params: { cursor: (await list(gateway)).nextCursor as string } });
    expect(namesIn(second)).toHaveLength(3);
    expect(await allNames(gateway)).toHaveLength(9);
  });

  test("hold what the caller may use, bare on one server's own endpoint", async () => {
    await using gateway = new InProcessGateway([
      { name: "a", offer: { tools: [tool("x"), tool("y")] } },
      { name: "b", offer: { tools: [tool("x")] } },
    ]);
    const principal = samplePrincipal({ permissions: ["a:x", "b:*"] });
    expect(await allNames(gateway, { principal })).toEqual(["a__x", "b__x"]);
    expect(await allNames(gateway, { principal: samplePrincipal({ permissions: [] }) })).toEqual([]);
    expect(await allNames(gateway, { principal: samplePrincipal({ role: "viewer" }) })).toEqual([]);
    expect(await allNames(gateway, { endpoint: sampleEndpoint(gateway.server("a")) })).toEqual(["x", "y"]);
    expect(await allNames(gateway)).toEqual(["a__x", "a__y", "b__x"]);
  });

  test("may be kept as long as we keep the lists ourselves, and by nobody else", async () => {
    await using gateway = new InProcessGateway([
      { name: "a", over: { refreshIntervalMs: 120_000 } },
      { name: "b", over: { refreshIntervalMs: 45_000 } },
    ]);
    expect(await list(gateway)).toMatchObject({ ttlMs: 45_000, cacheScope: "private" });
    expect(await list(gateway, { endpoint: sampleEndpoint(gateway.server("a")) })).toMatchObject({
      ttlMs: 120_000,
    });
  });
});

describe("cursors", () => {
  const offers = [{ name: "s", offer: { tools: many(1_002) } }];
  test("are valid in another process with the same key, and not with another", async () => {
    await using here = new InProcessGateway(offers);
    await using there = new InProcessGateway(offers);
    const cursor = (await list(here)).nextCursor as string;
    expect(namesIn(await list(there, { params: { cursor } }))).toEqual(["s__t01000", "s__t01001"]);
    const foreign = createSealer([new Uint8Array(32).fill(9)]).seal(
      "cursor",
      '["tools","s__t00999",1000,"x"]',
    );
    expect(await here.verdict({ method: "tools/list", params: { cursor: foreign } })).toBe("cursor_invalid");
  });

  test("go on behind the last name when the list changed in between, in the same order", async () => {
    await using gateway = new InProcessGateway(offers);
    const cursor = (await list(gateway)).nextCursor as string;
    gateway.upstream("s").change({ tools: [tool("a"), ...many(1_002), tool("z")] });
    expect(namesIn(await list(gateway, { params: { cursor } }))).toEqual(["s__t01000", "s__t01001", "s__z"]);
    gateway.upstream("s").change({ tools: many(1_000) });
    expect(namesIn(await list(gateway, { params: { cursor } }))).toEqual([]);
    gateway.upstream("s").change({ tools: many(5) });
    expect(await gateway.verdict({ method: "tools/list", params: { cursor } })).toBe("cursor_invalid");
  });

  test("of another list, another purpose, changed or invented are refused", async () => {
    await using gateway = new InProcessGateway([
      {
        name: "s",
        offer: { tools: many(1_001), prompts: Array.from({ length: 1_001 }, (_, i) => ({ name: `p${i}` })) },
      },
    ]);
    const cursor = (await list(gateway)).nextCursor as string;
    const other = cursor.slice(0, -1) + (cursor.endsWith("A") ? "B" : "A");
    const bad = [
      { method: "prompts/list", params: { cursor } },
      ...[other, `${cursor}x`, cursor.slice(1), "", "x", sealerOfOneKey().seal("request-state", "[]")].map(
        (one) => ({
          method: "tools/list",
          params: { cursor: one },
        }),
      ),
      { method: "tools/list", params: { cursor: 5 } },
      { method: "tools/list", params: { cursor: null } },
    ];
    for (const request of bad)
      expect([request, await gateway.verdict(request)]).toEqual([request, "cursor_invalid"]);
  });

  test("show no name in the clear", async () => {
    await using gateway = new InProcessGateway(offers);
    const cursor = (await list(gateway)).nextCursor as string;
    expect(Buffer.from(cursor, "base64url").toString("latin1")).not.toContain("t00999");
  });
});

describe("what is kept", () => {
  test("a change of what a server exposes is seen at once, though its connection stays", async () => {
    await using gateway = new InProcessGateway([{ name: "s", offer: { tools: [tool("a"), tool("b")] } }]);
    expect(await allNames(gateway)).toEqual(["s__a", "s__b"]);
    const hidden = sampleServer("s", {
      expose: {
        tools: { include: [], exclude: ["b"] },
        resources: { include: [], exclude: [] },
        prompts: { include: [], exclude: [] },
      },
    });
    const { organizations } = gateway.fleet.snapshot;
    const [organization] = [...organizations.values()];
    const namespace = sampleNamespace([hidden]);
    gateway.fleet.apply({
      version: 2,
      organizations: new Map([
        [
          namespace.organizationId,
          {
            ...(organization as NonNullable<typeof organization>),
            namespacesById: new Map([[namespace.id, namespace]]),
            namespacesBySlug: new Map([["default", namespace]]),
          },
        ],
      ]),
    });
    expect(await allNames(gateway)).toEqual(["s__a"]);
    expect(await gateway.verdict({ params: { name: "s__b" } })).toBe("tool_unknown");
    expect(gateway.upstream("s").started).toBe(1);
  });

  test("is bounded: many callers, and catalogs that change, do not pile up", () => {
    const server = sampleServer("s");
    const upstream = new InProcessUpstream(server, undefined);
    const offer = {
      tools: Array.from({ length: 4 }, (_, i) => tool(`t${i}`, { description: "x".repeat(100_000) })),
    };
    const catalogOf = () =>
      new MergedCatalog(sampleNamespace([server]), [compilePart(server, upstream, listsOf(offer), "__")]);
    const listing = new Listing(sealerOfOneKey());
    const read = (catalog: MergedCatalog, i: number) => {
      const principal = samplePrincipal({ permissionKey: `k${i}` });
      const permissions = compilePermissions(principal, "default");
      return listing.page(catalog, "tools", sampleEndpoint(), permissions, undefined);
    };
    const catalog = catalogOf();
    for (let i = 0; i < 600; i++) read(catalog, i);
    expect(listing.cachedBytes).toBeLessThanOrEqual(65 * 1_048_576);
    expect(listing.cachedBytes).toBeGreaterThan(1_048_576);
    const one = read(catalogOf(), 0).items.byteLength;
    listing.forget(catalog.namespace.id);
    expect(listing.cachedBytes).toBe(0);
    for (let i = 0; i < 50; i++) read(catalogOf(), 0);
    expect(listing.cachedBytes).toBe(one);
  });
});

test("nothing is kept of a namespace that was removed, nor of lists that changed", async () => {
  await using gateway = new InProcessGateway([{ name: "s", offer: { tools: many(10) } }]);
  const forgotten: string[] = [];
  const listing = new Listing(sealerOfOneKey());
  gateway.fleet.onSuperseded((namespaceId) => {
    forgotten.push(namespaceId);
    listing.forget(namespaceId);
  });
  const { namespaceId } = sampleEndpoint();
  const read = () => {
    const permissions = compilePermissions(samplePrincipal(), "default");
    listing.page(
      gateway.fleet.catalog(namespaceId) as MergedCatalog,
      "tools",
      sampleEndpoint(),
      permissions,
      undefined,
    );
    return listing.cachedBytes;
  };
  expect(read()).toBeGreaterThan(0);
  gateway.upstream("s").change({ tools: [] });
  expect(read()).toBeLessThan(10);
  gateway.upstream("s").change({ tools: many(10) });
  expect(read()).toBeGreaterThan(0);
  gateway.fleet.apply({ version: 2, organizations: new Map() });
  expect(listing.cachedBytes).toBe(0);
  expect(forgotten).toEqual([namespaceId, namespaceId, namespaceId]);
});

test("10,000 tools over 500 servers: the first page, later pages, and starting them all", async () => {
  const names = Array.from({ length: 500 }, (_, i) => `server-${String(i).padStart(3, "0")}`);
  const tools = Array.from({ length: 20 }, (_, i) =>
    tool(`tool_${i}`, {
      inputSchema: {
        type: "object",
        properties: { query: { type: "string", description: "x".repeat(120) } },
      },
    }),
  );
  await using gateway = new InProcessGateway(names.map((name) => ({ name, offer: undefined })));
  const startedAt = ownMs();
  for (const name of names) gateway.upstream(name).change({ tools });
  const startMs = ownMs() - startedAt;
  const principal = samplePrincipal({ permissions: names.slice(0, 400).map((name) => `${name}:*`) });
  const timed = async (over: Partial<ExchangeInit>) => {
    const at = ownMs();
    const page = await list(gateway, over);
    return { ms: ownMs() - at, page };
  };
  const warm = samplePrincipal({ permissions: ["*"] });
  await timed({ principal: warm });
  const first = await timed({ principal });
  expect(namesIn(first.page)).toHaveLength(1_000);
  // Together: one page takes less than the clock of a thread's own time may tell apart.
  const laterAt = ownMs();
  for (let i = 0; i < 200; i++) await list(gateway, { principal });
  const laterMs = (ownMs() - laterAt) / 200;
  expect(await allNames(gateway, { principal })).toHaveLength(8_000);
  console.log(
    `tools/list over 10,000 tools: first ${first.ms.toFixed(2)} ms, then ${laterMs.toFixed(3)} ms; 500 servers joined in ${startMs.toFixed(0)} ms`,
  );
  expect(first.ms).toBeLessThan(15);
  expect(laterMs).toBeLessThan(1);
  expect(startMs).toBeLessThan(15_000);
}, 60_000);
