import { describe, expect, test } from "bun:test";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import type { Policy, PolicyAction } from "../model/policy.ts";
import {
  type InProcessUpstream,
  type Offer,
  said,
  tool,
} from "../model/ports/in-process-upstream.testing.ts";
import type { SubscriptionFilter } from "../model/ports/relay.ts";
import {
  NAMESPACE_ID,
  sampleEndpoint,
  sampleNamespace,
  samplePrincipal,
  sampleServer,
  snapshotOf,
} from "../model/sample-exchange.testing.ts";
import type { ServerDefinition } from "../model/server.ts";

const everything: SubscriptionFilter = {
  toolsListChanged: true,
  promptsListChanged: true,
  resourcesListChanged: true,
};
const offer: Offer = { tools: [tool("a")], prompts: [{ name: "p" }], resources: [{ uri: "x://1" }] };

/** Subscribes, and gives what was heard since the last look, without the common prefix. */
async function listener(
  gateway: InProcessGateway,
  over: { permissions?: string[]; server?: ServerDefinition; filter?: SubscriptionFilter } = {},
) {
  const heard: string[] = [];
  const subscription = await gateway.gateway.subscribe(
    {
      principal: samplePrincipal({ permissions: over.permissions ?? ["*"] }),
      endpoint: sampleEndpoint(over.server),
      notify: ({ method, params }) =>
        heard.push(`${method.slice("notifications/".length)}${params?.uri ? ` ${params.uri}` : ""}`),
    },
    over.filter ?? everything,
  );
  return { subscription, heard: () => heard.splice(0).sort() };
}
const apply = (gateway: InProcessGateway, ...servers: ServerDefinition[]) =>
  gateway.fleet.apply(snapshotOf(sampleNamespace(servers)));
const samplePolicy = (action: PolicyAction): Policy => ({
  ...{ id: action, name: action, namespaceSlug: undefined, priority: 0, source: "store" },
  ...{ effect: "deny", subjects: ["group:nobody"], actions: [action], resources: ["*"] },
});
const names = (gateway: InProcessGateway) =>
  gateway.fleet
    .catalog(NAMESPACE_ID)
    ?.list("tools")
    .map(({ wireName }) => wireName);

describe("a reload", () => {
  test("keeps connections whose settings did not change, ends the others, starts the new", async () => {
    await using gateway = new InProcessGateway([
      { name: "kept", offer },
      { name: "changed", offer },
      { name: "gone", offer },
    ]);
    const before = Object.fromEntries(gateway.upstreams);
    apply(
      gateway,
      sampleServer("kept", { description: "another text" }),
      sampleServer("changed", { fingerprint: "another" }),
      sampleServer("new"),
    );
    expect(gateway.upstream("kept")).toBe(before.kept as InProcessUpstream);
    expect(before.kept?.closed).toBe(false);
    expect([before.changed?.closed, before.gone?.closed]).toEqual([true, true]);
    expect(gateway.upstream("changed")).not.toBe(before.changed as InProcessUpstream);
    expect([gateway.upstream("kept"), gateway.upstream("new")].map(({ started }) => started)).toEqual([1, 1]);
    expect(gateway.fleet.upstreams.map(({ server }) => server.name).sort()).toEqual([
      "changed",
      "kept",
      "new",
    ]);
    expect(names(gateway)).toEqual(["changed__a", "kept__a", "new__echo"]);
  });

  test("tells who may see it that tools have gone or are exposed no more", async () => {
    await using gateway = new InProcessGateway([
      { name: "kept", offer },
      { name: "gone", offer },
    ]);
    const all = await listener(gateway);
    const one = await listener(gateway, { permissions: ["kept:*"] });
    apply(gateway, sampleServer("kept"));
    expect(all.heard()).toEqual(["prompts/list_changed", "resources/list_changed", "tools/list_changed"]);
    expect(one.heard()).toEqual([]);
    const expose = { include: [], exclude: [] };
    apply(
      gateway,
      sampleServer("kept", {
        expose: { tools: { include: [], exclude: ["a"] }, prompts: expose, resources: expose },
      }),
    );
    expect(all.heard()).toEqual(["tools/list_changed"]);
    expect(one.heard()).toEqual(["tools/list_changed"]);
    apply(
      gateway,
      sampleServer("kept", {
        expose: { tools: { include: [], exclude: ["a"] }, prompts: expose, resources: expose },
      }),
    );
    expect(all.heard()).toEqual([]);
  });

  test("tells of policies on calls, and not of those on acts of administration", async () => {
    await using gateway = new InProcessGateway([{ name: "kept", offer }]);
    const all = await listener(gateway);
    const policed = (...actions: PolicyAction[]) => {
      const { organizations, ...rest } = snapshotOf(sampleNamespace([sampleServer("kept")]));
      const policies = {
        all: actions.map((action) => samplePolicy(action)),
        defaultEffect: "allow" as const,
      };
      const entries = [...organizations].map(([id, one]) => [id, { ...one, policies }] as const);
      gateway.fleet.apply({ ...rest, organizations: new Map(entries) });
    };
    policed("user.create");
    policed("user.create", "server.*");
    expect(all.heard()).toEqual([]);
    policed("user.create", "call");
    expect(all.heard()).toHaveLength(3);
    policed("call");
    expect(all.heard()).toEqual([]);
    policed();
    expect(all.heard()).toHaveLength(3);
  });

  test("keeps the tools of a server that has not answered over its new connection yet", async () => {
    const offers: (Offer | undefined)[] = [offer, undefined];
    const served = {
      name: "s",
      get offer() {
        return offers.shift();
      },
    };
    await using gateway = new InProcessGateway([served]);
    const all = await listener(gateway);
    apply(gateway, sampleServer("s", { fingerprint: "another" }));
    expect(gateway.upstream("s").lists).toBeUndefined();
    expect(names(gateway)).toEqual(["s__a"]);
    expect(all.heard()).toEqual([]);
    await gateway.handle({ params: { name: "s__a" } });
    expect(gateway.upstream("s").calls).toHaveLength(1);
    gateway.upstream("s").change({ tools: [tool("new")] });
    expect(names(gateway)).toEqual(["s__new"]);
  });

  test("drops what a removed server says afterwards", async () => {
    await using gateway = new InProcessGateway([{ name: "gone", offer }]);
    const former = gateway.upstream("gone");
    apply(gateway);
    former.change({ tools: [tool("late")] });
    expect(names(gateway)).toEqual([]);
  });
});

describe("list_changed", () => {
  test("names only the lists that changed, to those who wanted it, and nobody hears what stayed the same", async () => {
    await using gateway = new InProcessGateway([{ name: "s", offer }]);
    const all = await listener(gateway);
    const prompts = await listener(gateway, { filter: { promptsListChanged: true } });
    gateway.upstream("s").change({ ...offer, tools: [tool("b")] });
    expect(all.heard()).toEqual(["tools/list_changed"]);
    expect(prompts.heard()).toEqual([]);
    gateway.upstream("s").change({ ...offer, tools: [tool("b", { description: "other words" })] });
    expect(all.heard()).toEqual(["tools/list_changed"]);
    gateway.upstream("s").change({ ...offer, tools: [tool("b", { description: "other words" })] });
    expect(all.heard()).toEqual([]);
    gateway
      .upstream("s")
      .change({ tools: [tool("b", { description: "other words" })], resources: [{ uri: "x://2" }] });
    expect(all.heard()).toEqual(["prompts/list_changed", "resources/list_changed"]);
    expect(prompts.heard()).toEqual(["prompts/list_changed"]);
  });

  test("reaches the server's own endpoint and the merged one, and nobody who may not see the server", async () => {
    await using gateway = new InProcessGateway([
      { name: "a", offer },
      { name: "b", offer },
    ]);
    const merged = await listener(gateway);
    const atA = await listener(gateway, { server: gateway.server("a") });
    const atB = await listener(gateway, { server: gateway.server("b") });
    const onlyB = await listener(gateway, { permissions: ["b:*"] });
    gateway.upstream("a").change({ ...offer, tools: [] });
    expect([merged, atA, atB, onlyB].map((one) => one.heard())).toEqual([
      ["tools/list_changed"],
      ["tools/list_changed"],
      [],
      [],
    ]);
  });

  test("finds the new list in force", async () => {
    await using gateway = new InProcessGateway([{ name: "s", offer }]);
    const seen: unknown[] = [];
    await gateway.gateway.subscribe(
      { principal: samplePrincipal(), endpoint: sampleEndpoint(), notify: () => seen.push(names(gateway)) },
      { toolsListChanged: true },
    );
    gateway.upstream("s").change({ tools: [tool("new")] });
    expect(seen).toEqual([["s__new"]]);
  });

  test("stops when released", async () => {
    await using gateway = new InProcessGateway([{ name: "s", offer }]);
    const one = await listener(gateway);
    expect(gateway.gateway.subscriptions).toBe(1);
    one.subscription.release();
    one.subscription.release();
    expect(gateway.gateway.subscriptions).toBe(0);
    gateway.upstream("s").change({});
    expect(one.heard()).toEqual([]);
  });
});

describe("resource updates", () => {
  test("reach their subscribers alone, and the server hears of the end", async () => {
    await using gateway = new InProcessGateway([
      { name: "a", offer },
      { name: "b", offer: { resources: [{ uri: "y://1" }] } },
    ]);
    const uris = ["x://1", "y://1", "z://nobody", "x://1"];
    const one = await listener(gateway, { filter: { resourceSubscriptions: uris } });
    const other = await listener(gateway, { filter: { resourceSubscriptions: ["y://1"] } });
    expect(one.subscription.honoured).toEqual({ resourceSubscriptions: ["x://1", "y://1"] });
    expect(gateway.upstream("a").subscribed).toEqual(["x://1"]);
    expect(gateway.upstream("b").subscribed).toEqual(["y://1", "y://1"]);
    gateway.upstream("a").updated("x://1");
    gateway.upstream("a").updated("x://2");
    gateway.upstream("b").updated("x://1");
    gateway.upstream("b").updated("y://1");
    expect(one.heard()).toEqual(["resources/updated x://1", "resources/updated y://1"]);
    expect(other.heard()).toEqual(["resources/updated y://1"]);
    one.subscription.release();
    expect(gateway.upstream("a").subscribed).toEqual([]);
    expect(gateway.upstream("b").subscribed).toEqual(["y://1"]);
  });

  test("of what the caller may not read are not honoured", async () => {
    await using gateway = new InProcessGateway([{ name: "a", offer }]);
    const one = await listener(gateway, {
      permissions: ["b:*"],
      filter: { resourceSubscriptions: ["x://1"] },
    });
    expect(one.subscription.honoured).toEqual({});
    expect(gateway.upstream("a").subscribed).toEqual([]);
    gateway.upstream("a").updated("x://1");
    expect(one.heard()).toEqual([]);
  });

  test("go on over a server's new connection", async () => {
    await using gateway = new InProcessGateway([{ name: "a", offer }]);
    const one = await listener(gateway, { filter: { resourceSubscriptions: ["x://1"] } });
    const former = gateway.upstream("a");
    apply(gateway, sampleServer("a", { fingerprint: "another" }));
    const current = gateway.upstream("a");
    expect(current).not.toBe(former);
    await Bun.sleep(0);
    expect(current.subscribed).toEqual(["x://1"]);
    current.updated("x://1");
    expect(one.heard()).toEqual(["resources/updated x://1"]);
    one.subscription.release();
    expect(current.subscribed).toEqual([]);
  });

  test("a server that refuses is left out and logged", async () => {
    await using gateway = new InProcessGateway([{ name: "a", offer }]);
    gateway.upstream("a").subscribeResource = () => Promise.reject(new Error("no"));
    const one = await listener(gateway, { filter: { ...everything, resourceSubscriptions: ["x://1"] } });
    expect(one.subscription.honoured).toEqual(everything);
    expect(gateway.log.lines.map(({ message }) => message)).toEqual(["resource cannot be subscribed"]);
  });
});

test("a session hears of the servers its caller may see, and lets them all go", async () => {
  await using gateway = new InProcessGateway([
    { name: "a", offer },
    { name: "b", offer },
  ]);
  const attach = (permissions: string[], server?: ServerDefinition) =>
    gateway.gateway.attachSession({
      principal: samplePrincipal({ permissions }),
      endpoint: sampleEndpoint(server),
      sessionId: "session-1",
      notify: () => {},
      ask: () => Promise.resolve({}),
    });
  const listening = () =>
    [...gateway.upstreams.values()].map(({ sessionListeners }) => sessionListeners.size);
  const releases = [attach(["*"]), attach(["b:*"]), attach(["*"], gateway.server("a"))];
  expect(listening()).toEqual([2, 2]);
  for (const { release } of releases) release();
  expect(listening()).toEqual([0, 0]);
});

test("clashes are reported once, not at each rebuild", async () => {
  await using gateway = new InProcessGateway([
    { name: "a", offer, answer: said("x") },
    { name: "b", offer: { resources: [{ uri: "x://1" }] } },
  ]);
  const clashes = () => gateway.log.lines.filter(({ message }) => message.startsWith("name clash")).length;
  expect(clashes()).toBe(1);
  gateway.upstream("a").change({ ...offer, tools: [tool("other")] });
  names(gateway);
  expect(clashes()).toBe(1);
});

describe("a server that connects for the first time", () => {
  test("is waited for at its own endpoint until it answers", async () => {
    await using gateway = new InProcessGateway([
      { name: "slow", offer: undefined },
      { name: "known", offer },
    ]);
    const endpointOf = (name: string) => sampleEndpoint(gateway.upstream(name).server);
    const waiting = gateway.gateway.connecting(endpointOf("slow"), samplePrincipal(), "ping");
    expect(waiting).toBeInstanceOf(Promise);
    expect(gateway.gateway.connecting(endpointOf("known"), samplePrincipal(), "ping")).toBeUndefined();
    gateway.upstream("slow").change(offer);
    await waiting;
    expect(gateway.gateway.connecting(endpointOf("slow"), samplePrincipal(), "ping")).toBeUndefined();
  });
});

test("an update from a principal's own session reaches that principal alone", async () => {
  await using gateway = new InProcessGateway([{ name: "a", offer }]);
  const heard: string[] = [];
  const subscribeAs = (id: string) =>
    gateway.gateway.subscribe(
      { principal: samplePrincipal({ id }), endpoint: sampleEndpoint(), notify: () => heard.push(id) },
      { resourceSubscriptions: ["x://1"] },
    );
  await Promise.all([subscribeAs("ada"), subscribeAs("bob")]);
  gateway.upstream("a").updated("x://1", "bob");
  expect(heard).toEqual(["bob"]);
  gateway.upstream("a").updated("x://1");
  expect(heard).toEqual(["bob", "ada", "bob"]);
});
