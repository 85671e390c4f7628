import { compileGlob, compileUriTemplate } from "../model/glob.ts";
import { wireName } from "../model/naming.ts";
import type { Upstream, UpstreamLists } from "../model/ports/upstream.ts";
import type { ExposeFilter, ServerDefinition } from "../model/server.ts";
import { stringifyExact } from "../protocol/json-exact.ts";
import type { JsonObject } from "../protocol/json-value.ts";

export type ListKey = "tools" | "resources" | "resourceTemplates" | "prompts";

/** One definition of one server, ready to be listed and called. */
export interface CatalogEntry {
  readonly list: ListKey;
  readonly server: ServerDefinition;
  readonly upstream: Upstream;
  /** The server's own name, URI or URI template. */
  readonly name: string;
  /** The name on a merged endpoint (equal to `name` for resources). */
  readonly wireName: string;
  readonly definition: JsonObject;
  /** Serialised under its own name, for the server's own endpoint. */
  readonly bareJson: string;
  /** Serialised under the wire name. */
  readonly json: string;
  readonly repeatable: boolean;
  /** For templates: does a URI match it. */
  readonly matches: ((uri: string) => boolean) | undefined;
}

/** What one version of one server contributes, compiled once and shared by every namespace list that holds it. */
export interface CatalogPart {
  readonly server: ServerDefinition;
  readonly upstream: Upstream;
  readonly version: string;
  readonly lists: UpstreamLists;
  readonly entries: Readonly<Record<ListKey, readonly CatalogEntry[]>>;
  /** May this URI be read here: by the server's filter, or because a template that passed it matches. */
  exposesResource(uri: string): boolean;
}

export function compilePart(
  server: ServerDefinition,
  upstream: Upstream,
  lists: UpstreamLists,
  separator: string,
): CatalogPart {
  const exposes = {
    tools: compileFilter(server.expose.tools),
    resources: compileFilter(server.expose.resources),
    prompts: compileFilter(server.expose.prompts),
  };
  const safe = server.retry.safeTools.map(compileGlob);
  const entry = (
    list: ListKey,
    definition: JsonObject,
    nameKey: "name" | "uri" | "uriTemplate",
  ): CatalogEntry => {
    const name = String(definition[nameKey]);
    const onWire = nameKey === "name" ? wireName(server.name, name, separator) : name;
    const bareJson = stringifyExact(definition);
    return {
      list,
      server,
      upstream,
      name,
      wireName: onWire,
      definition,
      bareJson,
      json: onWire === name ? bareJson : renamed(definition, onWire),
      repeatable: list === "tools" && isRepeatable(server, definition, name, safe),
      matches: nameKey === "uriTemplate" ? compileUriTemplate(name) : undefined,
    };
  };
  const passesExclusion = compileFilter({ include: ["*"], exclude: server.expose.resources.exclude });
  const templates = lists.resourceTemplates
    .map((d) => entry("resourceTemplates", d, "uriTemplate"))
    .filter((e) => exposes.resources(e.name));
  return {
    server,
    upstream,
    version: lists.version,
    lists,
    exposesResource: (uri) =>
      exposes.resources(uri) || (passesExclusion(uri) && templates.some((e) => e.matches?.(uri) === true)),
    entries: {
      tools: lists.tools.map((d) => entry("tools", d, "name")).filter((e) => exposes.tools(e.name)),
      prompts: lists.prompts.map((d) => entry("prompts", d, "name")).filter((e) => exposes.prompts(e.name)),
      resources: lists.resources
        .map((d) => entry("resources", d, "uri"))
        .filter((e) => exposes.resources(e.name)),
      resourceTemplates: templates,
    },
  };
}

/** The definition with its name replaced in place; key order and exact numbers stay. */
export function renamed(definition: JsonObject, name: string): string {
  return stringifyExact({ ...definition, name });
}

export function compileFilter(filter: ExposeFilter): (name: string) => boolean {
  if (filter.include.length === 0 && filter.exclude.length === 0) return () => true;
  const include = filter.include.map(compileGlob);
  const exclude = filter.exclude.map(compileGlob);
  return (name) =>
    (include.length === 0 || include.some((matches) => matches(name))) &&
    !exclude.some((matches) => matches(name));
}

function isRepeatable(
  server: ServerDefinition,
  definition: JsonObject,
  name: string,
  safe: readonly ((name: string) => boolean)[],
): boolean {
  if (safe.some((matches) => matches(name))) return true;
  if (!server.retry.trustAnnotations) return false;
  const annotations = definition.annotations as JsonObject | undefined;
  return annotations?.readOnlyHint === true || annotations?.idempotentHint === true;
}
