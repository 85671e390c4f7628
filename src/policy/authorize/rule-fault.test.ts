import { describe, expect, test } from "bun:test";
import type { PolicyAction, PolicyEffect } from "../../model/policy.ts";
import { ruleFault } from "./rule-fault.ts";

const verbs = ["server.create", "server.update", "user.delete"];
interface Written {
  readonly actions: readonly string[];
  readonly resources?: readonly string[];
  readonly condition?: string;
  readonly effect?: PolicyEffect;
  readonly route?: { readonly server: string };
}
const fault = ({ actions, resources = ["*"], effect = "deny", ...rest }: Written) => {
  const rule = { ...rest, effect, actions: actions as readonly PolicyAction[], resources };
  const found = ruleFault(rule, verbs);
  return found && `${found.member} ${found.index ?? ""} ${found.detail ?? found.expected}`;
};

test.each([
  { actions: ["*"] },
  { actions: ["call"], resources: ["github:*"], condition: "args.x == 1" },
  { actions: ["server.*"], resources: ["server:prod-*", "team/server:x", "*"] },
  { actions: ["*.*"], resources: ["user:a", "*:a"] },
  {
    actions: ["*.delete"],
    condition: 'target.namespace == "" && time.getHours() < 8 && principal.role == "admin"',
  },
])("%p is well formed", (rule) => {
  expect(fault(rule)).toBeUndefined();
});

test.each([
  [{ actions: ["call", "server.create"] }, "actions 0 an act of administration as the others"],
  [{ actions: ["server.create", "server.remove"] }, "actions 1 an act of administration, such as"],
  [{ actions: ["servers.*"] }, "actions 0 an act of administration, such as"],
  [{ actions: ["server.*"], resources: ["*", "user:x"] }, "resources 1 *, or an object of its actions"],
  [{ actions: ["server.*"], resources: ["github"] }, "resources 0 *, or an object of its actions"],
  [{ actions: ["call"], resources: ["rate_limit:x"] }, "resources 0 a pattern such as server:tool"],
  [
    { actions: ["server.*"], condition: 'true &&\n args.x == "1"' },
    "line 2, column 2: an act of administration has no args",
  ],
  [
    { actions: ["*.*"], condition: 'tool.name == "x"' },
    "line 1, column 1: an act of administration has no tool",
  ],
  [{ actions: ["call"], condition: 'target.name == "x"' }, "line 1, column 1: Unknown variable: target"],
] as const)("%p: %s", (rule, says) => {
  expect(fault(rule)).toContain(says);
});

describe("a route", () => {
  const route = {
    effect: "route" as const,
    actions: ["*"],
    resources: ["github:*"],
    route: { server: "v2" },
  };

  test("is about whole servers, and whom it is about may be asked of the principal", () => {
    const condition = 'principal.groups.exists(g, g.matches("^beta"))';
    const resources = ["github:*", "team/github:*", "*/mail:*"];
    expect(fault({ ...route, condition, resources })).toBeUndefined();
  });

  test.each([
    ["another effect that leads somewhere", { effect: "deny" }, "route  left out"],
    ["one that leads nowhere", { route: undefined }, "route  the server that serves"],
    ["about a tool", { resources: ["github:*", "github:push"] }, "resources 1 a whole server"],
    ["about resources of a server", { resources: ["github:resource:*"] }, "resources 0 a whole server"],
    ["about every server", { resources: ["*"] }, "resources 0 a whole server"],
    ["about servers by a glob", { resources: ["git*:*"] }, "resources 0 a whole server"],
    ["about one action", { actions: ["call"] }, "actions 0 *"],
    ["about an act", { actions: ["server.update"] }, "actions 0 *"],
    [
      "by arguments",
      { condition: 'principal.role == "user"\n  && has(args.x)' },
      "line 2, column 10: a route",
    ],
    ["by the time", { condition: "time.getHours() > 3" }, "line 1, column 1: a route"],
    ["by the address", { condition: 'client_address == "::1"' }, "not client_address"],
    ["by the tool", { condition: 'tool.name == "push"' }, "not tool"],
  ] as const)("%s is none", (_what, over, expected) => {
    expect(fault({ ...route, ...(over as object) })).toContain(expected);
  });
});
