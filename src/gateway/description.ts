import type { Endpoint } from "../model/exchange.ts";
import type { EndpointDescription } from "../model/ports/relay.ts";
import type { UpstreamLists } from "../model/ports/upstream.ts";
import type { Permissions } from "../policy/authorize/permissions.ts";
import { isObject, type JsonObject } from "../protocol/json-value.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogPart } from "./catalog-part.ts";
import { ttlMs } from "./listing.ts";

/** What the gateway cannot carry yet, so it must not be promised: see decisions, "Lists and content". */
const STRIPPED_EXTENSIONS = new Set(["io.modelcontextprotocol/tasks"]);

/**
 * What an endpoint can do: the union of its servers' capabilities as far as the gateway relays them, and their
 * instructions, each under its server's name where there are several.
 */
export function describe(
  catalog: Catalog,
  endpoint: Endpoint,
  permissions: Permissions,
  serverInfo: JsonObject,
): EndpointDescription {
  const parts =
    endpoint.server === undefined
      ? [...catalog.parts].filter((part) => permissions.server(part.server.name))
      : [catalog.part(endpoint.server.id)].filter((part) => part !== undefined);
  return {
    capabilities: capabilities(parts, endpoint),
    instructions: instructions(parts, endpoint),
    serverInfo,
    ttlMs: ttlMs(catalog, endpoint),
  };
}

function capabilities(parts: readonly CatalogPart[], endpoint: Endpoint): JsonObject {
  const all = parts.map((part) => part.lists.capabilities);
  const some = (key: string) => all.some((one) => isObject(one[key]));
  const merged: JsonObject = {};
  const mergedEndpoint = endpoint.server === undefined;
  // A merged endpoint changes when its servers come and go, whatever they declare; tools are what it is for.
  if (some("tools") || mergedEndpoint) merged.tools = { listChanged: true };
  if (some("resources") || mergedEndpoint) {
    const subscribe = all.some((one) => isObject(one.resources) && one.resources.subscribe === true);
    merged.resources = subscribe ? { subscribe: true, listChanged: true } : { listChanged: true };
  }
  if (some("prompts") || mergedEndpoint) merged.prompts = { listChanged: true };
  if (some("completions")) merged.completions = {};
  if (some("logging")) merged.logging = {};
  const experimental = union(all, "experimental");
  if (experimental !== undefined) merged.experimental = experimental;
  const extensions = union(all, "extensions");
  if (extensions !== undefined) merged.extensions = extensions;
  return merged;
}

function union(all: readonly JsonObject[], key: string): JsonObject | undefined {
  const entries = all.flatMap((one) => (isObject(one[key]) ? Object.entries(one[key] as JsonObject) : []));
  const kept = entries.filter(([name]) => !STRIPPED_EXTENSIONS.has(name));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function instructions(parts: readonly CatalogPart[], endpoint: Endpoint): string | undefined {
  const said = parts.filter(
    (part): part is CatalogPart & { lists: UpstreamLists & { instructions: string } } =>
      Boolean(part.lists.instructions),
  );
  if (said.length === 0) return undefined;
  if (endpoint.server !== undefined) return said[0]?.lists.instructions;
  return said.map((part) => `## ${part.server.name}\n\n${part.lists.instructions}`).join("\n\n");
}
