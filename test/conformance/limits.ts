import type { JsonObject } from "../../src/protocol/json-value.ts";
import { headersFor } from "../faults/load.ts";
import type { Cell } from "./cell.ts";

/** An assertion of the suite that a server of the other era cannot meet, whatever stands in between. */
export interface EraLimit {
  readonly scenario: string;
  readonly checks: readonly string[];
  /** In words for a user. */
  readonly what: string;
  /** The sentence that says so, and the page it stands on. */
  readonly sentence: string;
  readonly source: string;
  /** What the client gets instead, in words for a user. */
  readonly answer: string;
  /** The call the assertion is about, and what it gets at least: sent in each cell of the entry. */
  readonly probe: {
    readonly params: JsonObject;
    readonly capabilities: JsonObject;
    readonly gets: JsonObject;
  };
}

const SPECIFICATION = "https://modelcontextprotocol.io/specification";
const MRTR = `${SPECIFICATION}/2026-07-28/basic/patterns/mrtr`;

const asksForName: JsonObject = {
  result: {
    resultType: "input_required",
    inputRequests: {
      "question-1": { method: "elicitation/create", params: { message: "What is your name?" } },
    },
  },
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
    sentence:
      "`inputRequests` keys are server assigned identifiers and **MUST** be unique within the scope of the request.",
    source: `${MRTR}#server-requirements-basic-workflow`,
    answer: "`input_required` with the question under a key of the gateway",
    probe: {
      params: { name: "test_input_required_result_elicitation", arguments: {} },
      capabilities: { elicitation: {} },
      gets: asksForName,
    },
  },
  {
    scenario: "input-required-result-ignore-extra-params",
    checks: ["sep-2322-ignore-unexpected-params/IgnoreUnexpectedParams"],
    what: "An answer given before its question was asked is not used: an older server asks first.",
    sentence:
      "If the client fails to send all the information requested in a previous `InputRequests`, and the missing information is necessary for the server to process the request, the server **SHOULD** respond with a new `InputRequiredResult` requesting the missing information again, rather than returning an error.",
    source: `${MRTR}#error-handling`,
    answer: "`input_required`, so that the question is answered in the next request",
    probe: {
      params: {
        name: "test_input_required_result_elicitation",
        arguments: {},
        inputResponses: { user_name: { action: "accept", content: { name: "Ada" } }, other: { value: 1 } },
      },
      capabilities: { elicitation: {} },
      gets: asksForName,
    },
  },
  {
    scenario: "server-stateless",
    checks: [
      "sep-2575-server-rejects-undeclared-capability/ServerRejectsUndeclaredCapability",
      "sep-2575-missing-capability-http-400/MissingCapabilityHttp400",
    ],
    what: "An older server that misses a capability of the client says so in its own words: its revision has no error for it.",
    sentence: "Both parties **MUST**: [...] Only use capabilities that were successfully negotiated",
    source: `${SPECIFICATION}/2025-11-25/basic/lifecycle#operation`,
    answer: "the server's own answer, here a tool result with `isError: true`; nobody is asked",
    probe: {
      params: { name: "test_missing_capability", arguments: {} },
      capabilities: {},
      gets: { result: { resultType: "complete", isError: true } },
    },
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
  sentence:
    "This set [...] **MUST NOT** vary per-connection or as a side effect of other requests on the connection.",
  source: `${SPECIFICATION}/2026-07-28/server/tools#listing-tools`,
  answer: "the lists all callers share, unchanged",
  probe: {
    params: { name: "test_trigger_tool_change", arguments: {} },
    capabilities: {},
    gets: { result: { resultType: "complete", content: [{ type: "text" }] } },
  },
};

export function limitsOf({ client, upstream, transport }: Cell): readonly EraLimit[] {
  if (client !== "2026-07-28" || upstream !== "legacy") return [];
  return transport === "stdio" ? [...modernAtLegacy, listsOfOneProcess] : modernAtLegacy;
}

export const eraLimits: readonly EraLimit[] = [...modernAtLegacy, listsOfOneProcess];

/** Sends an entry's call to `url` as a client of 2026-07-28, and gives the answer. */
export function probe({ probe: { params, capabilities } }: EraLimit, url: string): Promise<JsonObject> {
  return call(url, params, capabilities);
}

/** One `tools/call` of a 2026-07-28 client with these capabilities. */
export async function call(url: string, params: JsonObject, capabilities: JsonObject): Promise<JsonObject> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": capabilities,
  };
  const response = await fetch(url, {
    method: "POST",
    headers: headersFor("tools/call", String(params.name)),
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { ...params, _meta } }),
  });
  const text = await response.text();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  return JSON.parse(isStream ? (text.match(/^data: (.*)$/m)?.[1] ?? "") : text);
}
