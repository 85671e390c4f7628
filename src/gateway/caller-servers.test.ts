import { expect, test } from "bun:test";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import type { ListOutcome } from "../model/call.ts";
import type { Policy } from "../model/policy.ts";
import { type Offer, tool } from "../model/ports/in-process-upstream.testing.ts";
import type { Principal } from "../model/principal.ts";
import {
  ORGANIZATION_ID,
  sampleEndpoint,
  sampleNamespace,
  samplePrincipal,
  snapshotOf,
} from "../model/sample-exchange.testing.ts";
import { resolveRoutes } from "../policy/authorize/routes.ts";

const many = (prefix: string): Offer => ({
  tools: Array.from({ length: 1_500 }, (_, at) => tool(`${prefix}_${String(at).padStart(4, "0")}`)),
  resources: [{ uri: "doc://same" }],
});
const beta = () => samplePrincipal({ groups: ["beta"] });

function canary(over: Partial<Policy> = {}): Policy {
  return {
    ...{
      id: "canary",
      name: "canary",
      namespaceSlug: undefined,
      effect: "route",
      route: { server: "a-new" },
    },
    ...{ subjects: ["group:beta"], actions: ["*"], resources: ["old:*"], condition: undefined },
    ...{ priority: 0, source: "store" },
    ...over,
  };
}
function routed(gateway: InProcessGateway, routing: readonly Policy[]): void {
  const servers = [...gateway.upstreams.values()].map(({ server }) => server);
  const routes = resolveRoutes(routing, "default", servers);
  const snapshot = snapshotOf(sampleNamespace(servers, { routes }));
  const organization = snapshot.organizations.get(ORGANIZATION_ID);
  gateway.fleet.apply({
    version: 2,
    organizations: new Map([[ORGANIZATION_ID, { ...organization, routing } as never]]),
  });
}
const twoVersions = () =>
  new InProcessGateway([
    { name: "old", offer: many("old") },
    { name: "a-new", offer: many("new") },
  ]);
async function listed(gateway: InProcessGateway, principal: Principal, cursor?: string) {
  const params = cursor === undefined ? {} : { cursor };
  const outcome = await gateway.handle({ method: "tools/list", params, principal });
  if (outcome.kind !== "list") throw new Error(outcome.kind);
  const names = JSON.parse(`[${outcome.items}]`).map(({ name }: { name: string }) => name) as string[];
  return { names, cursor: outcome.nextCursor, items: outcome.items };
}

test("lists of callers with and without a route are kept side by side, and shared by those of one route", async () => {
  await using gateway = twoVersions();
  routed(gateway, [canary()]);
  const permissions = ["old:*"];
  const [plain, one, other] = [
    samplePrincipal({ permissions }),
    samplePrincipal({ permissions, groups: ["beta"] }),
    samplePrincipal({ permissions, groups: ["beta", "more"] }),
  ];
  const first = { plain: await listed(gateway, plain), one: await listed(gateway, one) };
  expect(first.plain.names[0]).toBe("old__old_0000");
  expect(first.one.names[0]).toBe("old__new_0000");
  // The same ones, not equal ones: nothing was made anew in between.
  expect((await listed(gateway, plain)).items).toBe(first.plain.items as never);
  expect((await listed(gateway, other)).items).toBe(first.one.items as never);
  const { servers } = gateway.gateway;
  const catalogOf = (principal: Principal) => servers.catalog({ principal, endpoint: sampleEndpoint() });
  expect(catalogOf(other)).toBe(catalogOf(one) as never);
  expect(catalogOf(plain)).toBe(gateway.fleet.catalog(sampleEndpoint().namespaceId) as never);
});

test("a cursor goes on in the list it came from, and one of another list is no cursor", async () => {
  await using gateway = twoVersions();
  routed(gateway, [canary()]);
  const principal = samplePrincipal({ permissions: ["old:*"], groups: ["beta"] });
  const first = await listed(gateway, principal);
  expect((await listed(gateway, principal, first.cursor)).names[0]).toBe("old__new_1000");
  routed(gateway, []);
  const params = { cursor: first.cursor as string };
  expect(await gateway.verdict({ method: "tools/list", params, principal })).toBe("cursor_invalid");
});

test("a change of the serving server's list reaches those it serves under the called name", async () => {
  await using gateway = twoVersions();
  routed(gateway, [canary()]);
  const heard: string[] = [];
  const subscribe = (name: string, principal: Principal, server?: string) =>
    gateway.gateway.subscribe(
      {
        principal,
        endpoint: sampleEndpoint(server === undefined ? undefined : gateway.server(server)),
        notify: () => heard.push(name),
      },
      { toolsListChanged: true },
    );
  const permissions = ["old:*"];
  await subscribe("routed", samplePrincipal({ permissions, groups: ["beta"] }));
  await subscribe("routed, own endpoint", samplePrincipal({ permissions, groups: ["beta"] }), "old");
  await subscribe("plain", samplePrincipal({ permissions }));
  gateway.upstream("a-new").change({ tools: [tool("newest")] });
  expect(heard.splice(0)).toEqual(["routed", "routed, own endpoint"]);
  expect((await listed(gateway, samplePrincipal({ permissions, groups: ["beta"] }))).names).toEqual([
    "old__newest",
  ]);
  gateway.upstream("old").change({ tools: [tool("older")] });
  expect(heard).toEqual(["plain"]);
});

test("a subscribed resource moves with the route, and is left at the server it is not at any more", async () => {
  await using gateway = twoVersions();
  routed(gateway, []);
  const principal = samplePrincipal({ permissions: ["old:*"], groups: ["beta"] });
  const heard: string[] = [];
  await gateway.gateway.subscribe(
    { principal, endpoint: sampleEndpoint(gateway.server("old")), notify: () => heard.push("updated") },
    { resourceSubscriptions: ["doc://same"] },
  );
  const subscribed = () => ["old", "a-new"].map((name) => gateway.upstream(name).subscribed.length);
  const update = () => {
    for (const name of ["old", "a-new"]) gateway.upstream(name).updated("doc://same");
    return heard.splice(0).length;
  };
  expect([subscribed(), update()]).toEqual([[1, 0], 1]);
  routed(gateway, [canary()]);
  await Bun.sleep(0);
  expect([subscribed(), update()]).toEqual([[0, 1], 1]);
  routed(gateway, [canary({ route: { server: "gone" } })]);
  await Bun.sleep(0);
  expect([subscribed(), update()]).toEqual([[0, 0], 0]);
  routed(gateway, []);
  await Bun.sleep(0);
  expect([subscribed(), update()]).toEqual([[1, 0], 1]);
});

test("a URI that both servers list is the routed one's, though the other's name comes first", async () => {
  await using gateway = twoVersions();
  routed(gateway, [canary()]);
  const principal = samplePrincipal({ permissions: ["old:*"], groups: ["beta"] });
  const read = { method: "resources/read", params: { uri: "doc://same" } };
  expect(await gateway.verdict({ ...read, principal })).toBe("answered");
  expect(gateway.upstream("a-new").calls).toHaveLength(1);
});

test("where a route leads nowhere, what is permitted ends as unreachable and the rest stays unknown", async () => {
  await using gateway = twoVersions();
  routed(gateway, [canary({ route: { server: "gone" } })]);
  const verdict = (name: string, principal = beta(), server?: string) =>
    gateway.verdict({
      ...{ params: { name }, principal },
      endpoint: sampleEndpoint(server === undefined ? undefined : gateway.server(server)),
    });
  expect(await verdict("old__old_0000")).toBe("upstream_unreachable");
  expect(await verdict("old:old_0000")).toBe("upstream_unreachable");
  expect(await verdict("old_0000", undefined, "old")).toBe("upstream_unreachable");
  expect(await verdict("old_0000")).toBe("tool_unknown");
  expect(await verdict("old__")).toBe("tool_unknown");
  const narrow = samplePrincipal({ groups: ["beta"], permissions: ["old:other", "a-new:*"] });
  expect(await verdict("old__old_0000", narrow)).toBe("tool_unknown");
  expect(await gateway.verdict({ method: "x/own", principal: narrow })).toBe("method_unknown");
  expect(await verdict("old__old_0000", samplePrincipal())).toBe("answered");
  for (const name of ["old", "a-new"])
    expect(gateway.upstream(name).calls.length).toBe(name === "old" ? 1 : 0);
});

test("a URI of a server that a route has nobody serve is no other server's", async () => {
  const offer = (uris: string[], templates: string[] = []): Offer => ({
    resources: uris.map((uri) => ({ uri })),
    resourceTemplates: templates.map((uriTemplate) => ({ uriTemplate })),
  });
  await using gateway = new InProcessGateway([
    { name: "a-other", offer: offer(["doc://same", "doc://other"]) },
    { name: "old", offer: offer(["doc://same", "doc://old"], ["note://{id}", "both://{id}"]) },
    { name: "z-other", offer: offer([], ["note://{+path}", "both://{id}"]) },
  ]);
  routed(gateway, [canary({ route: { server: "gone" } })]);
  const read = (uri: string, principal = beta()) =>
    gateway.verdict({ method: "resources/read", params: { uri }, principal });
  expect(await read("doc://same")).toBe("upstream_unreachable");
  expect(await read("doc://old")).toBe("upstream_unreachable");
  expect(await read("note://1")).toBe("resource_ambiguous");
  expect(await read("note://1/2")).toBe("answered");
  expect(await read("doc://other")).toBe("answered");
  const uris = async (method: string, member: string) => {
    const page = await gateway.handle({ method, params: {}, principal: beta() });
    return JSON.parse(`[${(page as ListOutcome).items}]`).map((one: Record<string, string>) => one[member]);
  };
  expect(await uris("resources/list", "uri")).toEqual(["doc://other"]);
  expect(await uris("resources/templates/list", "uriTemplate")).toEqual(["note://{+path}"]);
  const complete = (uri: string) =>
    gateway.verdict({
      ...{ method: "completion/complete", principal: beta() },
      params: { ref: { type: "ref/resource", uri }, argument: { name: "id", value: "" } },
    });
  expect(await complete("both://{id}")).toBe("upstream_unreachable");
  expect(await complete("note://{+path}")).toBe("answered");
  const narrow = samplePrincipal({ groups: ["beta"], permissions: ["old:*"] });
  expect(await read("note://1", narrow)).toBe("upstream_unreachable");
  expect(await read("doc://new", narrow)).toBe("upstream_unreachable");
  expect(await read("doc://old", samplePrincipal({ groups: ["beta"], permissions: ["a-other:*"] }))).toBe(
    "resource_unknown",
  );
  expect(await read("doc://old", samplePrincipal())).toBe("answered");
  expect(gateway.upstream("old").calls).toHaveLength(1);
});

test("a resource that could not be subscribed again is asked for again after a while, as long as somebody wants it", async () => {
  await using gateway = twoVersions();
  routed(gateway, []);
  const subscribe = () =>
    gateway.gateway.subscribe(
      { principal: beta(), endpoint: sampleEndpoint(gateway.server("old")), notify: () => {} },
      { resourceSubscriptions: ["doc://same"] },
    );
  const [subscription, other] = [await subscribe(), await subscribe()];
  gateway.upstream("a-new").refusesSubscriptions = true;
  routed(gateway, [canary()]);
  await Bun.sleep(0);
  const subscribed = () => ["old", "a-new"].map((name) => gateway.upstream(name).subscribed.length);
  expect(subscribed()).toEqual([0, 0]);
  gateway.upstream("a-new").refusesSubscriptions = false;
  other.release();
  await Bun.sleep(1_100);
  expect(subscribed()).toEqual([0, 1]);
  subscription.release();
  expect(subscribed()).toEqual([0, 0]);
});

test("a route that leads away and back while a subscription is under way leaves one behind, and none after it", async () => {
  await using gateway = twoVersions();
  routed(gateway, [canary()]);
  const subscription = await gateway.gateway.subscribe(
    { principal: beta(), endpoint: sampleEndpoint(gateway.server("old")), notify: () => {} },
    { resourceSubscriptions: ["doc://same"] },
  );
  routed(gateway, []);
  routed(gateway, [canary()]);
  routed(gateway, []);
  await Bun.sleep(0);
  const subscribed = () => ["old", "a-new"].map((name) => gateway.upstream(name).subscribed.length);
  expect(subscribed()).toEqual([1, 0]);
  subscription.release();
  expect(subscribed()).toEqual([0, 0]);
});
