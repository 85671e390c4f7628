import { type Examples, ids, ownNamespace, page, times } from "./example.ts";

const status = {
  ...{
    status: "ready",
    reason: null,
    era: "modern",
    revision: "2026-07-28",
    breaker: "closed",
    in_flight: 0,
  },
  ...{ tools: 12, resources: 0, prompts: 1, excluded: [] },
};
export const server = {
  ...{ id: ids.server, name: "tickets", ...ownNamespace, managed: false, active: true },
  ...{ description: "The issue tracker", type: "streamable-http", url: "https://tickets.example.com/mcp" },
  ...{ command: null, args: [], working_dir: null, environment_names: [] },
  ...{ header_names: ["x-team"], auth_header: "authorization", version: null, tags: ["work"] },
  ...{ metadata: {}, health_check_url: null, timeout_seconds: 300, max_retries: 3 },
  ...{ settings: { max_concurrency: 8 }, status, ...times },
};
const body = {
  ...{ name: "tickets", type: "streamable-http", url: "https://tickets.example.com/mcp" },
  auth: { type: "bearer", token: "a-token-of-the-tracker" },
};
const report = {
  ok: false,
  steps: [
    { step: "settings", ok: true, detail: "The settings are complete.", duration_ms: 1 },
    { step: "connect", ok: false, detail: "It did not answer within 15 s.", duration_ms: 15_000 },
  ],
};

export const serverExamples: Examples = {
  "servers-list": page(server),
  "servers-create": { body, answer: server },
  "servers-test": { body, answer: report },
  "servers-get": { answer: server },
  "servers-update": { body: { description: "The issue tracker", active: true }, answer: server },
  "servers-test-stored": { answer: report },
};
