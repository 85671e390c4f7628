import { isObject, type JsonObject } from "../../protocol/json-value.ts";

/** Extensions the gateway does not carry yet; a server must not think the client can follow them. */
const STRIPPED_EXTENSIONS: ReadonlySet<string> = new Set(["io.modelcontextprotocol/tasks"]);

/** What the gateway can carry on behalf of a client: nothing is declared to a server that is not in here. */
const RELAYED = ["elicitation", "sampling", "roots", "extensions"] as const;

/** Sub-features a legacy server may be told of, so that the number of different capability sets is small. */
const LEGACY_FEATURES = {
  elicitation: ["form", "url"],
  sampling: ["context", "tools"],
  roots: ["listChanged"],
} as const;

/** Everything that can be relayed: what the catalog declares, so that a server that offers tools by capability lists them all. */
export const CATALOG_CAPABILITIES: JsonObject = {
  elicitation: { form: {}, url: {} },
  sampling: { context: {}, tools: {} },
  roots: { listChanged: true },
};

/** The client's capabilities reduced to what the gateway relays; the sub-objects travel as they are. */
export function relayedCapabilities(declared: JsonObject): JsonObject {
  const relayed: JsonObject = {};
  for (const key of RELAYED) {
    const value = declared[key];
    if (!isObject(value)) continue;
    relayed[key] = key === "extensions" ? withoutStripped(value) : value;
  }
  return relayed;
}

/** As `relayedCapabilities`, for `initialize`: known features only, in a fixed order, so that equal sets share a session. */
export function legacyCapabilities(declared: JsonObject): JsonObject {
  const set: JsonObject = {};
  for (const [key, features] of Object.entries(LEGACY_FEATURES)) {
    const value = declared[key];
    if (!isObject(value)) continue;
    const known: JsonObject = {};
    for (const feature of features) {
      const sub = value[feature];
      if (sub === true) known[feature] = true;
      else if (isObject(sub)) known[feature] = {};
    }
    // An empty elicitation capability means forms (2025-11-25, client/elicitation).
    if (key === "elicitation" && Object.keys(known).length === 0) known.form = {};
    set[key] = known;
  }
  return set;
}

/** Names of the capabilities in `required` that `declared` lacks: `elicitation`, `elicitation.url` … */
export function lacking(required: JsonObject, declared: JsonObject): JsonObject {
  const missing: JsonObject = {};
  for (const [key, value] of Object.entries(required)) {
    if (value === undefined) continue;
    const have = declared[key];
    if (!isObject(have)) {
      missing[key] = value;
      continue;
    }
    if (!isObject(value)) continue;
    const features = Object.keys(value).filter((feature) => have[feature] === undefined);
    if (features.length > 0) {
      missing[key] = Object.fromEntries(features.map((feature) => [feature, value[feature]]));
    }
  }
  return missing;
}

export function isRelayable(capability: string): boolean {
  return (RELAYED as readonly string[]).includes(capability);
}

function withoutStripped(extensions: JsonObject): JsonObject {
  const kept: JsonObject = {};
  for (const [key, value] of Object.entries(extensions)) if (!STRIPPED_EXTENSIONS.has(key)) kept[key] = value;
  return kept;
}
