import { type Examples, ids, page, times } from "./example.ts";

const condition = "has(args.force) && args.force";
const written = { name: "no-force-push", effect: "deny", resources: ["github:push"], condition };
const policy = {
  ...{ id: ids.policy, ...written, description: "", namespace: null, namespace_id: null, managed: false },
  ...{ subjects: ["*"], actions: ["*"], route: null, priority: 0, active: true, ...times },
};
const principal = { role: "user", permissions: ["github:*"] };
const call = { server: "github", tool: "push", arguments: { force: true } };
const act = { action: "server.delete", name: "github" };
const decision = { verdict: "deny", granted: true, decided_by: "no-force-push" };
const serving = { served_by: "github", routed_by: null };

const policyExamples: Examples = {
  "policies-list": page(policy),
  "policies-create": { body: written, answer: policy },
  "policies-get": { answer: policy },
  "policies-update": { body: { resources: ["github:push"], active: true }, answer: policy },
  "policies-test": {
    body: {
      cases: [
        { name: "nobody forces", principal, call, expect: "deny" },
        { name: "admins delete servers", principal: { role: "admin" }, act, expect: "allow" },
      ],
    },
    answer: {
      ...{ passed: 2, failed: 0 },
      cases: [
        { name: "nobody forces", ok: true, ...decision, ...serving },
        {
          ...{ name: "admins delete servers", ok: true, verdict: "allow", granted: true, decided_by: null },
          ...{ served_by: null, routed_by: null },
        },
      ],
    },
  },
  "policies-explain": {
    body: { principal, call },
    answer: {
      ...{ ...decision, ...serving, default: "allow" },
      steps: [
        { step: "namespace", outcome: "passes", detail: "the credential is bound to no namespace" },
        { step: "policies", outcome: "refuses", detail: "policy no-force-push denies it" },
      ],
      chain: [{ policy: "no-force-push", effect: "deny", condition, answer: "applies" }],
    },
  },
  "policies-who": {
    body: { call: { server: "github", tool: "push" }, answers: ["allow", "depends"] },
    answer: {
      items: [
        {
          ...{ kind: "key", id: ids.key, name: "laptop", role: "user", answer: "depends" },
          ...{ granted: true, decided_by: null },
        },
      ],
      ...{ next_cursor: null, scopes: [] },
    },
  },
  "policies-replay": {
    body: { policies: [{ name: "no-push", effect: "deny", resources: ["github:push"] }], hours: 24 },
    answer: {
      ...{ calls: 218, undecidable: 3, complete: true, oldest: times.created_at, next_cursor: null },
      flips: [
        {
          ...{ call_id: ids.call, at: times.updated_at, principal: `key:${ids.key}`, server: "github" },
          ...{ target: "push", before: "allow", after: "deny", decided_by: "no-push" },
          ...{ served_before: "github", served_after: "github" },
        },
      ],
    },
  },
};

const ruleBody = { name: "per-key", per: ["key"], limit: 600, window_seconds: 60 };
const rule = {
  ...{ id: ids.rateLimit, ...ruleBody, description: "", namespace: null, namespace_id: null, match: {} },
  ...{ algorithm: "sliding_window", burst: null, period: null, active: true, managed: false, ...times },
};

const mappingBody = {
  claims: ["groups", "roles"],
  mappings: { "groups:Admin": ["scope:admin"], "groups:User": ["scope:user"] },
  permissions: { "github:*": ["scope:admin"], "github:read_*": ["scope:user"] },
  options: { scope_mode: "any", default_scope: null },
};
const okta = {
  ...{ name: "okta", preset: "okta", issuers: ["https://acme.okta.com/oauth2/default"], claims: ["groups"] },
  ...{ scope_claims: ["scope", "scp"], signs_in: true, creates_users: true },
};
const claimMapping = {
  ...{ ...mappingBody, source: "organization", managed: false, providers: [okta], ...times },
};

const claimMappingExamples: Examples = {
  "claim-mapping-get": { answer: claimMapping },
  "claim-mapping-replace": { body: mappingBody, answer: claimMapping },
};

export const ruleExamples: Examples = {
  ...policyExamples,
  ...claimMappingExamples,
  "rate-limits-list": page(rule),
  "rate-limits-create": { body: ruleBody, answer: rule },
  "rate-limits-get": { answer: rule },
  "rate-limits-update": { body: { limit: 600 }, answer: rule },
  "rate-limits-usage": page({
    ...{ subject: ids.key, period: "day", period_start: "2026-11-03T00:00:00.000Z", admitted: 4_120 },
    ...{ refused: 17, used: 40, limit: 600, resets_in_seconds: 12 },
  }),
  "rate-limits-reset": { body: { subject: ids.key } },
};
