import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { InProcessUpstream, listsOf, tool } from "../model/ports/in-process-upstream.testing.ts";
import { sampleNamespace, sampleServer } from "../model/sample-exchange.testing.ts";
import type { ServerDefinition } from "../model/server.ts";
import { MergedCatalog } from "./catalog.ts";
import { type CatalogEntry, type CatalogPart, compilePart } from "./catalog-part.ts";
import { RoutedCatalog } from "./routed-catalog.ts";
import { RoutedCatalogs } from "./routed-catalogs.ts";

interface Offered {
  readonly tools?: readonly string[];
  readonly uris?: readonly string[];
}
function partOf(server: ServerDefinition, { tools = [], uris = [] }: Offered, separator = "__"): CatalogPart {
  const lists = listsOf({
    tools: tools.map((one) => tool(one)),
    prompts: tools.map((name) => ({ name })),
    resources: uris.map((uri) => ({ uri })),
    resourceTemplates: uris.map((uri) => ({ uriTemplate: `${uri}/{id}` })),
  });
  return compilePart(server, new InProcessUpstream(server, undefined), lists, separator);
}
const catalogOf = (parts: readonly CatalogPart[]) =>
  new MergedCatalog(sampleNamespace(parts.map(({ server }) => server)), parts);
/** One server in the place of another, as the configuration compiler makes it. */
const inPlaceOf = (called: string, by: string): ServerDefinition => ({
  ...sampleServer(by),
  id: sampleServer(called).id,
  name: called,
  servedBy: { id: sampleServer(by).id, name: by },
});
const wireNames = (entries: Iterable<{ readonly wireName: string }>) =>
  Array.from(entries, ({ wireName }) => wireName);

describe("with some servers replaced, a catalog has what merging all of its parts would give, and no URI of one that nobody serves", () => {
  const name = fc.oneof(
    fc.constantFrom("a", "a.b", "a_b", "a/b", "b-a", "b-a.b", "b-b-a", "-", "x".repeat(70)),
    fc.string({ minLength: 1, maxLength: 3 }),
  );
  const offered = fc.record({
    tools: fc.array(name, { maxLength: 6 }),
    uris: fc.array(fc.constantFrom("u:1", "u:2", "u:3", "u:4"), { maxLength: 3 }),
  });
  const serverName = fc.stringMatching(/^[ab-]{1,3}$/);
  const servers = fc.dictionary(serverName, offered, { minKeys: 1, maxKeys: 6 });
  /** Of each server called, what serves in its place; nothing where it is `null`. */
  const routes = fc.dictionary(serverName, fc.option(offered), { minKeys: 1, maxKeys: 3 });

  test("names, their order, what they lead to, and who owns a URI", () => {
    fc.assert(
      fc.property(servers, routes, fc.constantFrom("-", "__"), (all, routed, separator) => {
        const base = catalogOf(
          Object.entries(all).map(([one, offer]) => partOf(sampleServer(one), offer, separator)),
        );
        const serving = new Map(
          Object.entries(routed).map(([called, offer]) => {
            const part = offer === null ? undefined : partOf(inPlaceOf(called, "other"), offer, separator);
            return [sampleServer(called).id as string, part] as const;
          }),
        );
        const catalog = new RoutedCatalog(base, "key", serving);
        const came = [...serving.values()].filter((part) => part !== undefined);
        const kept = base.parts.filter(({ server }) => !serving.has(server.id));
        const whole = catalogOf([...came, ...kept]);
        expect([...catalog.parts]).toEqual([...whole.parts]);
        expect(catalog.ttlMs).toBe(whole.ttlMs);
        for (const key of ["tools", "prompts"] as const) {
          expect([...catalog.list(key)]).toEqual([...whole.list(key)]);
          expect(catalog.list(key).length).toBe(whole.list(key).length);
          for (const [at, entry] of whole.list(key).entries()) {
            expect(catalog.list(key).at(at)).toEqual(entry);
            expect(catalog.named(key, entry.wireName)).toEqual(entry);
            expect(catalog.named(key, `${entry.server.name}:${entry.name}`)).toEqual(entry);
            const owners = (entries: typeof whole.parts | readonly { server: ServerDefinition }[]) =>
              entries.map(({ server }) => server.id).sort();
            expect(owners(catalog.bare(key, entry.name))).toEqual(owners(whole.bare(key, entry.name)));
          }
          for (const { wireName } of base.list(key))
            expect(catalog.named(key, wireName)).toEqual(whole.named(key, wireName));
          expect(catalog.list(key).at(whole.list(key).length)).toBeUndefined();
        }
        const byName = (a: CatalogPart, b: CatalogPart) => (a.server.name < b.server.name ? -1 : 1);
        const inOrder = [...came.sort(byName), ...kept];
        const lists = (uri: string) => (part: CatalogPart) =>
          part.entries.resources.some((entry) => entry.name === uri);
        const gone = base.parts.filter(({ server }) => serving.has(server.id) && !serving.get(server.id));
        expect(catalog.unserved.toSorted(byName)).toEqual(gone);
        const listing = (uri: string) =>
          gone.some(lists(uri)) ? undefined : inOrder.find(lists(uri))?.server;
        for (const uri of ["u:1", "u:2", "u:3", "u:4"]) {
          expect(catalog.resource(uri)?.server).toBe(listing(uri) as never);
          expect(catalog.template(`${uri}/{id}`)?.server).toBe(listing(uri) as never);
        }
        for (const key of ["resources", "resourceTemplates"] as const) {
          const ownerOf = ({ name }: CatalogEntry) => listing(name.replace("/{id}", ""));
          const there = [...whole.list(key)].filter((entry) => ownerOf(entry) !== undefined);
          const uris = (entries: Iterable<CatalogEntry>) => Array.from(entries, ({ name }) => name).sort();
          expect(uris(catalog.list(key))).toEqual(uris(there));
          for (const entry of catalog.list(key)) expect(entry.server).toBe(ownerOf(entry) as never);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe("catalogs kept for sets of routes", () => {
  const base = catalogOf([
    ...["s0", "s1", "s2", "s3"].map((one) => partOf(sampleServer(one), { tools: ["own"] })),
    partOf(sampleServer("new"), { tools: Array.from({ length: 100 }, (_, at) => `t${at}`) }),
  ]);
  const servings = ["s0", "s1", "s2", "s3"].map((called) => inPlaceOf(called, "new"));
  const routesOf = (set: number) => {
    const chosen = servings.filter((_, at) => set & (1 << at));
    return { key: `set ${set}`, serving: new Map(chosen.map((one) => [one.id as string, one])) };
  };

  test("of all sets over the same servers hold what these list once", () => {
    const kept = new RoutedCatalogs();
    for (let set = 1; set < 16; set++) kept.of(base, routesOf(set));
    expect(kept.size).toBe(15);
    expect(kept.entries).toBeLessThan(4 * 200 + 15 * 20);
    const list = (set: number) => [...kept.of(base, routesOf(set)).list("tools")];
    expect(list(1)[0]).toBe(list(3)[0] as never);
    expect(wireNames(list(2)).slice(0, 2)).toEqual(["new__t0", "new__t1"]);
  });

  test("are bounded over all namespaces; those in use stay, and what is forgotten is not counted", () => {
    const kept = new RoutedCatalogs(450);
    const elsewhere = new MergedCatalog({ ...sampleNamespace([]), id: "elsewhere" }, base.parts);
    const [first, second] = [kept.of(base, routesOf(1)), kept.of(elsewhere, routesOf(2))];
    expect(kept.of(base, routesOf(1))).toBe(first);
    kept.of(base, routesOf(4));
    expect(kept.entries).toBeLessThanOrEqual(450);
    expect(kept.of(base, routesOf(1))).toBe(first);
    expect(kept.of(elsewhere, routesOf(2)) === second).toBe(false);
    kept.forget("elsewhere");
    expect(kept.size).toBe(1);
    kept.forget(base.namespace.id);
    expect([kept.size, kept.entries]).toEqual([0, 0]);
  });

  test("one larger than the bound serves, and goes when the next is asked for", () => {
    const kept = new RoutedCatalogs(10);
    kept.of(base, routesOf(15));
    kept.of(base, routesOf(1));
    expect(kept.size).toBe(1);
  });

  test("a changed base has other catalogs", () => {
    const kept = new RoutedCatalogs();
    const before = kept.of(base, routesOf(1));
    const after = kept.of(new MergedCatalog(base.namespace, base.parts), routesOf(1));
    expect(after === before).toBe(false);
    expect(kept.size).toBe(1);
    expect(wireNames(after.list("tools"))).toEqual(wireNames(before.list("tools")));
  });
});
