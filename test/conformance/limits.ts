import type { Cell } from "./cells.ts";

/** An assertion of the suite that a server of the other era cannot meet, whatever stands in between. */
export interface EraLimit {
  readonly scenario: string;
  readonly checks: readonly string[];
  /** In words for a user. */
  readonly what: string;
  /** The sentence that says so, and where it stands. */
  readonly sentence: string;
  readonly source: string;
  /** What the client gets instead. */
  readonly answer: string;
}

const KEYS = {
  sentence: "Keys are server-assigned identifiers; values are the request objects.",
  source: "2026-07-28, schema, InputRequests",
};

/** 2026-07-28 clients at servers that speak older revisions alone. The other direction loses nothing. */
const modernAtLegacy: readonly EraLimit[] = [
  {
    scenario: "input-required-result-basic-elicitation",
    checks: [
      "sep-2322-elicitation-incomplete/InputRequiredResultElicitationIncomplete",
      "sep-2322-elicitation-complete/InputRequiredResultElicitationComplete",
    ],
    what: "The key of a question is the gateway's own; the suite expects the one its example server chose.",
    ...KEYS,
    answer: "`input_required` with the question under a key of the gateway",
  },
  {
    scenario: "input-required-result-ignore-extra-params",
    checks: ["sep-2322-ignore-unexpected-params/IgnoreUnexpectedParams"],
    what: "An answer given before its question was asked is not used: an older server asks first.",
    sentence:
      "A map of client responses to server-initiated requests. Keys correspond to the keys in the InputRequests map; values are the client's result for each request.",
    source: "2026-07-28, schema, InputResponses",
    answer: "`input_required`, so that the question is answered in the next request",
  },
  {
    scenario: "server-stateless",
    checks: [
      "sep-2575-server-rejects-undeclared-capability/ServerRejectsUndeclaredCapability",
      "sep-2575-missing-capability-http-400/MissingCapabilityHttp400",
    ],
    what: "An older server that misses a capability of the client says so in its own words: its revision has no error for it.",
    sentence:
      "Returned when processing a request requires a capability the client did not declare in clientCapabilities. For HTTP, the response status code MUST be 400 Bad Request.",
    source: "2026-07-28, schema, MissingRequiredClientCapabilityError; no older schema has it",
    answer: "the server's own answer, here a tool result with `isError: true`",
  },
];

/** The same at an older server over stdio, where each caller has a process of its own. */
const listsOfOneProcess: EraLimit = {
  scenario: "server-stateless",
  checks: [
    "sep-2575-server-sends-tools-list-changed-on-subscription/ServerSendsToolsListChangedOnSubscription",
    "sep-2575-server-sends-prompts-list-changed-on-subscription/ServerSendsPromptsListChangedOnSubscription",
  ],
  what: "A call that changes the lists of its caller's own process changes nobody's lists at the gateway (`sharing: shared` has one process for all).",
  sentence: "MUST NOT vary per-connection or as a side effect of other requests on the connection.",
  source: "2026-07-28, server/tools, of the set of tools",
  answer: "the lists all callers share, unchanged",
};

export function limitsOf({ client, upstream, transport }: Cell): readonly EraLimit[] {
  if (client !== "2026-07-28" || upstream !== "legacy") return [];
  return transport === "stdio" ? [...modernAtLegacy, listsOfOneProcess] : modernAtLegacy;
}

export const eraLimits: readonly EraLimit[] = [...modernAtLegacy, listsOfOneProcess];
