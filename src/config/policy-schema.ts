import type { AccessEffect, PolicyAction, PolicyEffect } from "../model/policy.ts";
import { isVerb, parseObjectPattern } from "../policy/authorize/act-pattern.ts";
import { compileCondition, isFault } from "../policy/authorize/condition.ts";
import { isPattern } from "../policy/authorize/pattern.ts";
import { isSubject } from "../policy/authorize/subject.ts";
import {
  field,
  type Kind,
  list,
  optionalField,
  optionalSection,
  Refusal,
  requiredField,
  section,
} from "./field.ts";
import { boolean, filledText, integer, listOf, oneOf, slug, text } from "./kinds.ts";

const subject: Kind<string> = {
  name: "subject",
  read: (value) =>
    typeof value === "string" && isSubject(value)
      ? value
      : new Refusal('"*", or a name after user:, key:, client:, role: or group:', 'write "role:viewer"'),
};

const callAction = oneOf<PolicyAction>("*", "call", "read", "get", "list");
const action: Kind<PolicyAction> = {
  name: `${callAction.name}, or an act of administration`,
  read: (value) => {
    if (typeof value === "string" && isVerb(value)) return value;
    const read = callAction.read(value);
    if (!(read instanceof Refusal)) return read;
    return new Refusal(`${read.expected}, or an act of administration such as "server.create"`, read.fix);
  },
};

const resource: Kind<string> = {
  name: "pattern",
  read: (value) =>
    typeof value === "string" && (isPattern(value) || parseObjectPattern(value) !== undefined)
      ? value
      : new Refusal('a pattern such as "github:*" or "github:create_issue"', 'write "server:tool"'),
};

const condition: Kind<string> = {
  name: "CEL expression",
  read: (value) => {
    if (typeof value !== "string") return new Refusal("a CEL expression");
    const result = compileCondition(value);
    if (!isFault(result) || !isFault(compileCondition(value, "act"))) return value;
    return new Refusal(
      "a CEL expression that is true or false",
      `at ${result.line}:${result.column} of it: ${result.message}`,
    );
  },
};

/** A rule about nobody or nothing is a mistake that would go unseen. */
function filledListOf<T>(item: Kind<T>): Kind<readonly T[]> {
  const kind = listOf(item);
  return {
    ...kind,
    read: (value) => {
      const read = kind.read(value);
      return Array.isArray(read) && read.length === 0 ? new Refusal("at least one entry") : read;
    },
  };
}

/** Rules about who may do what, besides roles and permissions. */
export const policiesSchema = section("Rules that narrow what roles and permissions grant.", {
  default: optionalField(
    oneOf<AccessEffect>("allow", "deny"),
    "What happens where an organisation has policies and none of them applies.",
    { defaultText: "deny in production, else allow" },
  ),
  rules: list(
    "Policies of the organisation `default`, which the API shows and does not change.",
    section("A policy.", {
      name: requiredField(filledText, "Its name, which a refusal tells; used once."),
      description: field(text, "", "For people."),
      enabled: field(boolean, true, "Whether it is in force."),
      namespace: optionalField(slug, "The one namespace it is about.", { defaultText: "every namespace" }),
      effect: requiredField(
        oneOf<PolicyEffect>("allow", "deny", "route"),
        "A deny that applies wins over any allow; `route` says who serves.",
      ),
      subjects: field(
        filledListOf(subject),
        ["*"],
        "Who: `*`, `user:<id>`, `key:<id>`, `client:<id>`, `role:<role>`, `group:<name>`.",
      ),
      actions: field(
        filledListOf(action),
        ["*"],
        "`call` tools, `read` resources, `get` prompts; a denied `list` hides from lists alone. Or acts of administration: `server.create`, `server.*`, `*.*`.",
      ),
      resources: field(
        filledListOf(resource),
        ["*"],
        "What: patterns as in permissions, `server:tool`, `server:resource:<uri>`, `server:prompt:<name>`. Of acts their objects by id or name: `server:prod-*`.",
      ),
      condition: optionalField(condition, "CEL: when. One that fails denies."),
      route: optionalSection("Of the effect `route`: who serves instead of the servers `resources` names.", {
        server: requiredField(slug, "The server that serves, of the same namespace."),
      }),
      priority: field(
        integer(0, 1_000_000),
        0,
        "Of several routes the highest decides; else it orders explanations.",
      ),
    }),
  ),
});
