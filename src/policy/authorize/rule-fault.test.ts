import { expect, test } from "bun:test";
import type { PolicyAction } from "../../model/policy.ts";
import { ruleFault } from "./rule-fault.ts";

const verbs = ["server.create", "server.update", "user.delete"];
interface Written {
  readonly actions: readonly string[];
  readonly resources?: readonly string[];
  readonly condition?: string;
}
const fault = ({ actions, resources = ["*"], condition }: Written) => {
  const found = ruleFault({ actions: actions as readonly PolicyAction[], resources, condition }, verbs);
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
