import { describe, expect, test } from "bun:test";
import type { Policy } from "../../model/policy.ts";
import { samplePrincipal, sampleServer } from "../../model/sample-exchange.testing.ts";
import { RouteTable, resolveRoutes } from "./routes.ts";

const servers = ["github", "github-v2", "github-v3", "mail"].map((name) => sampleServer(name));
const GITHUB = "id-of-github";
const route = (name: string, server: string, over: Partial<Policy> = {}): Policy => ({
  ...{ id: name, name, namespaceSlug: undefined, effect: "route", route: { server } },
  ...{ subjects: ["*"], actions: ["*"], resources: ["github:*"], condition: undefined },
  ...{ priority: 0, source: "store" },
  ...over,
});
const tableOf = (routing: readonly Policy[], slug = "default") =>
  new RouteTable(resolveRoutes(routing, slug, servers) ?? []);
/** The name of the server that serves `github` to somebody; `nobody` where a route leads nowhere. */
function serves(routing: readonly Policy[], principal = samplePrincipal(), slug = "default"): string {
  const server = tableOf(routing, slug).of(principal)?.serving.get(GITHUB);
  if (server?.servedBy === undefined) return "github";
  return server.servedBy.id === undefined ? "nobody" : server.servedBy.name;
}

describe("who serves", () => {
  test("the settings of the server that serves, under the name and id of the one that is called", () => {
    const [server] = [
      ...(tableOf([route("r", "github-v2")])
        .of(samplePrincipal())
        ?.serving.values() ?? []),
    ];
    expect(server).toMatchObject({
      ...{ id: GITHUB, name: "github", fingerprint: "fingerprint-of-github-v2" },
      servedBy: { id: "id-of-github-v2", name: "github-v2" },
    });
  });

  test("the highest priority decides, then the name", () => {
    const [v2, v3] = [route("b", "github-v2"), route("a", "github-v3")];
    expect(serves([v2, v3])).toBe("github-v3");
    expect(serves([{ ...v2, priority: 1 }, v3])).toBe("github-v2");
  });

  test.each([
    ["a role", ["role:viewer"], { role: "viewer" }],
    ["a group", ["group:ops", "group:beta"], { groups: ["beta"] }],
    ["a key", ["key:1"], { keyId: "1" }],
  ] as const)("%s", (_what, subjects, over) => {
    const routing = [route("r", "github-v2", { subjects })];
    expect([serves(routing, samplePrincipal(over)), serves(routing)]).toEqual(["github-v2", "github"]);
  });

  test("an exception leads to the called server itself", () => {
    const exception = route("ops-stay", "github", { subjects: ["group:ops"], priority: 9 });
    const routing = [route("all", "github-v2"), exception];
    expect(serves(routing, samplePrincipal({ groups: ["ops"] }))).toBe("github");
    expect(serves(routing)).toBe("github-v2");
  });

  test("a condition on the principal; one that cannot be answered leaves nobody to serve", () => {
    const on = (condition: string) => [route("r", "github-v2", { condition })];
    const principal = samplePrincipal({ groups: ["beta"] });
    expect(serves(on('principal.groups.exists(g, g == "beta")'), principal)).toBe("github-v2");
    expect(serves(on('"ops" in principal.groups'), principal)).toBe("github");
    expect(serves(on('principal.groups[7] == "beta"'), principal)).toBe("nobody");
    expect(serves(on("no CEL"), principal)).toBe("nobody");
  });

  test("a namespace of the policy, and of the pattern", () => {
    const here = [route("r", "github-v2", { namespaceSlug: "team" })];
    expect([serves(here, undefined, "team"), serves(here)]).toEqual(["github-v2", "github"]);
    const there = [route("r", "github-v2", { resources: ["team/github:*"] })];
    expect([serves(there, undefined, "team"), serves(there)]).toEqual(["github-v2", "github"]);
    expect(serves([route("r", "github-v2", { resources: ["*/github:*"] })])).toBe("github-v2");
  });

  test("no chain: a route leads to a server, whatever a route says of that", () => {
    const routing = [route("a", "github-v2"), route("b", "github-v3", { resources: ["github-v2:*"] })];
    expect(serves(routing)).toBe("github-v2");
  });

  test("a server that is not there leaves nobody to serve, and no lower route is taken instead", () => {
    expect(serves([route("a", "gone", { priority: 1 }), route("b", "github-v2")])).toBe("nobody");
  });

  test("servers nobody routes, and routes of servers that are not there, are nothing", () => {
    expect(
      resolveRoutes([route("r", "mail", { resources: ["gone:*"] })], "default", servers),
    ).toBeUndefined();
    const routes = tableOf([route("r", "github-v2")]).of(samplePrincipal());
    expect([...(routes?.serving.keys() ?? [])]).toEqual([GITHUB]);
    expect(tableOf([route("r", "github-v2", { subjects: ["key:x"] })]).of(samplePrincipal())).toBeUndefined();
  });

  test("callers whom the same servers serve share one key; the decision is made once for each", () => {
    const table = tableOf([
      route("a", "github-v2", { subjects: ["group:beta"] }),
      route("b", "github-v3", { subjects: ["group:ops"] }),
    ]);
    const of = (...groups: string[]) => table.of(samplePrincipal({ groups }))?.key;
    expect(of("beta")).toBe(of("beta", "more"));
    expect(of("beta")).not.toBe(of("ops"));
    const principal = samplePrincipal({ groups: ["beta"] });
    expect(table.of(principal)).toBe(table.of(principal));
  });
});
