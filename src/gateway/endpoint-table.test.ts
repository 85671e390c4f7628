import { expect, test } from "bun:test";
import {
  NAMESPACE_ID,
  ORGANIZATION_ID,
  sampleNamespace,
  samplePrincipal,
  sampleServer,
  snapshotOf,
} from "../model/sample-exchange.testing.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { PermissionCache } from "../policy/authorize/permission-cache.ts";
import { EndpointTable } from "./endpoint-table.ts";

const teamId = "0197a000-0000-7000-8000-0000000000aa";
const otherOrganization = "0197a000-0000-7000-8000-0000000000bb";
function tableOf() {
  let snapshot: Snapshot = snapshotOf(
    sampleNamespace([sampleServer("github"), sampleServer("hidden")]),
    sampleNamespace([sampleServer("team-tool", { id: "t1", namespaceId: teamId })], {
      id: teamId,
      slug: "team",
    }),
    sampleNamespace([sampleServer("foreign", { id: "f1" })], {
      id: "ns-f",
      slug: "secret",
      organizationId: otherOrganization,
    }),
  );
  const table = new EndpointTable(() => snapshot, new PermissionCache());
  const find = (path: string, over: Parameters<typeof samplePrincipal>[0] = {}) => {
    const [, namespace] = /^\/namespaces\/([^/]+)/.exec(path) ?? [];
    const [, server] = /\/servers\/([^/]+)/.exec(path) ?? [];
    const found = table.find(
      { namespace, server, path },
      samplePrincipal({ permissions: ["github:*", "team-tool:*"], ...over }),
    );
    return found && `${found.namespaceSlug}${found.server ? ` ${found.server.name}` : ""}`;
  };
  return { find, replace: (next: Snapshot) => (snapshot = next) };
}

test("names resolve in the caller's organisation and namespace, by name or id", () => {
  const { find } = tableOf();
  expect(find("/mcp")).toBe("default");
  expect(find("/servers/github/mcp")).toBe("default github");
  expect(find("/servers/id-of-github/mcp")).toBe("default github");
  expect(find("/namespaces/team/mcp")).toBe("team");
  expect(find("/namespaces/team/servers/team-tool/mcp")).toBe("team team-tool");
  expect(find("/servers/team-tool/mcp")).toBeUndefined();
});

test("what is another tenant's, hidden or not there is not there alike", () => {
  const { find } = tableOf();
  for (const path of [
    "/namespaces/secret/mcp",
    "/namespaces/none/mcp",
    "/servers/foreign/mcp",
    "/servers/f1/mcp",
    "/servers/hidden/mcp",
    "/servers/none/mcp",
  ]) {
    expect([path, find(path)]).toEqual([path, undefined]);
  }
  expect(find("/mcp", { organizationId: otherOrganization })).toBeUndefined();
  expect(find("/mcp", { organizationId: otherOrganization, namespaceId: "ns-f" })).toBe("secret");
});

test("a credential bound to a namespace reaches no other, whatever was asked before", () => {
  const { find } = tableOf();
  expect(find("/namespaces/team/mcp")).toBe("team");
  expect(find("/namespaces/team/mcp", { namespaceBound: true })).toBeUndefined();
  expect(find("/namespaces/default/mcp", { namespaceBound: true })).toBe("default");
  expect(find("/mcp", { namespaceBound: true, namespaceId: teamId })).toBe("team");
});

test("a new snapshot is seen at once", () => {
  const { find, replace } = tableOf();
  expect(find("/servers/github/mcp")).toBe("default github");
  replace(snapshotOf(sampleNamespace([], { id: NAMESPACE_ID, organizationId: ORGANIZATION_ID })));
  expect(find("/servers/github/mcp")).toBeUndefined();
});
