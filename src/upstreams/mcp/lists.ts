import { createHash } from "node:crypto";
import type { Outcome } from "../../model/call.ts";
import type { UpstreamLists } from "../../model/ports/upstream.ts";
import { stringifyExact } from "../../protocol/json-exact.ts";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import { RpcCode } from "../../protocol/jsonrpc.ts";
import type { Connection } from "./connection.ts";
import { type DefinitionKind, definitionFault, definitionName } from "./definitions.ts";
import { asFailure, UpstreamFailure } from "./failure.ts";
import type { UpstreamLimits } from "./limits.ts";

interface ListSource {
  readonly kind: DefinitionKind;
  readonly capability: "tools" | "resources" | "prompts";
  readonly method: string;
}

const SOURCES: readonly ListSource[] = [
  { kind: "tools", capability: "tools", method: "tools/list" },
  { kind: "resources", capability: "resources", method: "resources/list" },
  { kind: "resourceTemplates", capability: "resources", method: "resources/templates/list" },
  { kind: "prompts", capability: "prompts", method: "prompts/list" },
];

type Excluded = UpstreamLists["excluded"][number];
/** What may still be read of one server. */
interface Allowance {
  bytes: number;
  items: number;
  pages: number;
}

/**
 * Reads all pages of all lists a server announces. A list that fails by itself is left out and reported; a broken
 * definition is left out alone.
 * @param request runs one request of the gateway's own
 * @throws UpstreamFailure where the connection failed
 */
export async function readLists(
  connection: Connection,
  request: (method: string, params: JsonObject) => Promise<Outcome>,
  limits: UpstreamLimits,
): Promise<UpstreamLists> {
  const excluded: Excluded[] = [];
  const read: Record<DefinitionKind, JsonObject[]> = {
    tools: [],
    resources: [],
    resourceTemplates: [],
    prompts: [],
  };
  const allowance: Allowance = {
    bytes: limits.listBytesMax,
    items: limits.listItemsMax,
    pages: limits.listPagesMax,
  };
  for (const source of SOURCES) {
    if (connection.capabilities[source.capability] === undefined) continue;
    try {
      await readList(source, request, limits, allowance, read[source.kind], excluded);
    } catch (thrown) {
      const failure = asFailure(thrown);
      if (!failure.harmless && failure.code !== "upstream_protocol_error") throw thrown;
      excluded.push({ kind: source.kind, name: "*", reason: failure.message });
    }
  }
  const lists = {
    ...read,
    instructions: connection.instructions,
    capabilities: connection.capabilities,
    serverInfo: connection.serverInfo,
    excluded,
  };
  return { ...lists, version: versionOf(lists) };
}

async function readList(
  source: ListSource,
  request: (method: string, params: JsonObject) => Promise<Outcome>,
  limits: UpstreamLimits,
  allowance: Allowance,
  definitions: JsonObject[],
  excluded: Excluded[],
): Promise<void> {
  const { kind } = source;
  const cursors = new Set<string>();
  const names = new Set<string>();
  let cursor: string | undefined;
  for (;;) {
    const outcome = await request(source.method, cursor === undefined ? {} : { cursor });
    if (outcome.kind === "error" && outcome.error.code === RpcCode.methodNotFound) return;
    if (outcome.kind !== "result")
      throw listFault(outcome.kind === "error" ? outcome.error.message : "no result");
    const page = outcome.result[kind];
    if (!Array.isArray(page)) throw listFault("the result holds no list");
    allowance.bytes -= outcome.bytes ?? 0;
    for (const definition of page) {
      const name = definitionName(kind, definition);
      const fault =
        definitionFault(kind, definition, limits.definitionDepthMax) ??
        (names.has(name) ? "another one before it has the same name" : undefined) ??
        (allowance.items <= 0 ? `the server lists more than ${limits.listItemsMax} definitions` : undefined);
      if (fault === undefined) {
        allowance.items--;
        names.add(name);
        definitions.push(definition as JsonObject);
      } else if (excluded.length < 1000) excluded.push({ kind, name, reason: fault });
    }
    const next: JsonValue | undefined = outcome.result.nextCursor;
    if (typeof next !== "string") return;
    const stop = stopReason(next, cursors, allowance, limits);
    if (stop !== undefined) {
      excluded.push({ kind, name: "*", reason: stop });
      return;
    }
    cursors.add(next);
    cursor = next;
  }
}

/** Why the next page is not read; what came before it stays. */
function stopReason(
  next: string,
  cursors: ReadonlySet<string>,
  allowance: Allowance,
  limits: UpstreamLimits,
): string | undefined {
  if (cursors.has(next)) return "the server gave the same cursor twice; the list ends there";
  if (--allowance.pages <= 0) return `the lists have more than ${limits.listPagesMax} pages`;
  if (allowance.items <= 0) return `the server lists more than ${limits.listItemsMax} definitions`;
  if (allowance.bytes <= 0) return `the lists exceed ${limits.listBytesMax} bytes`;
  return undefined;
}

function listFault(reason: string): UpstreamFailure {
  const failure = new UpstreamFailure("upstream_protocol_error", { server: "" }, { harmless: true });
  failure.message = reason;
  return failure;
}

function versionOf(lists: Omit<UpstreamLists, "version">): string {
  const parts: (JsonValue | undefined)[] = [
    lists.tools as JsonValue[],
    lists.resources as JsonValue[],
    lists.resourceTemplates as JsonValue[],
    lists.prompts as JsonValue[],
    lists.instructions,
    lists.capabilities,
    lists.serverInfo,
    lists.excluded.map(({ kind, name, reason }) => ({ kind, name, reason })),
  ];
  const hash = createHash("sha256");
  for (const part of parts) hash.update(stringifyExact(part)).update("\n");
  return hash.digest("base64url").slice(0, 22);
}
