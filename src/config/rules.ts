import { statSync } from "node:fs";
import { isWellFormed } from "../model/api-key-form.ts";
import { isActPattern } from "../model/claim-mapping.ts";
import { claimMappingProblems } from "./claim-mapping.ts";
import { passwordFault } from "./connection-password.ts";
import { errorCode } from "./environment.ts";
import { isLoopbackHost } from "./kinds.ts";
import { masterKeyFault } from "./master-key.ts";
import { type Origins, sourceOf } from "./origins.ts";
import type { ConfigProblem } from "./problem.ts";
import { providerPresets } from "./provider-presets.ts";
import { reservedNames } from "./reserved-names.ts";
import type { FileSettings } from "./schema.ts";
import type { Settings } from "./settings.ts";

const OPERATOR_TOKEN_LENGTH_MIN = 24;

type Refuse = (key: string, found: string, expected: string, fix?: string) => void;

/** What must hold between settings, and what production refuses. `notes` takes what is allowed and worth a word. */
export function checkRules(
  settings: Settings,
  file: FileSettings,
  purpose: "serve" | "command",
  origins: Origins,
  notes: string[],
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse: Refuse = (key, found, expected, fix = "") => {
    problems.push({ source: sourceOf(key, origins), key, found, expected, fix });
  };
  checkNames(file, refuse);
  checkMasterKeys(settings, refuse);
  if (file.store.url !== undefined && file.store.path !== undefined)
    refuse("store.path", "both store.url and store.path", "one of them", "remove store.path");
  if (purpose === "command") return problems;
  if (settings.audit.waitsForStore && settings.audit.durability !== "strict")
    refuse("audit.confirm", "store", "audit.durability strict beside it", "set audit.durability: strict");
  checkAnonymous(settings, refuse);
  checkProviders(settings, file, refuse);
  problems.push(...claimMappingProblems(settings, origins));
  checkProcesses(settings, refuse);
  for (const pattern of Object.keys(settings.auth.claimMapping?.permissions ?? {})) {
    const name = /^(?:[^/:]+\/)?([^:*]+):/.exec(pattern)?.[1] ?? "";
    if (!isActPattern(pattern) && reservedNames.has(name))
      notes.push(`auth.permissions ${pattern} permits nothing: no server is called ${name}.`);
  }
  for (const pattern of settings.providers.flatMap(({ permissions }) => permissions).filter(isActPattern))
    notes.push(
      `oauth permissions ${pattern} permits nothing: acts of administration are permitted by oauth.role or by scopes (auth.permissions).`,
    );
  if (settings.providers.length === 0) {
    for (const { name, subjects } of settings.policies.rules)
      for (const subject of subjects.filter((one) => one.startsWith("group:")))
        notes.push(
          `policies.rules ${name} is about ${subject}, and nobody is in a group: groups come from an identity provider's tokens, and oauth is off.`,
        );
  }
  const { bootstrapKey } = settings.secrets;
  if (bootstrapKey !== undefined && !isWellFormed(bootstrapKey))
    refuse(
      "bootstrap_key",
      "a text that is no API key",
      "a key of the gateway's own form",
      "make one with: mcp-gateway keys generate",
    );
  if (settings.server.tls) {
    checkReadable(settings.server.tls.certPath, "server.tls.cert", refuse);
    checkReadable(settings.server.tls.keyPath, "server.tls.key", refuse);
  }
  if (settings.mode === "production") checkProduction(settings, refuse);
  const { server } = settings;
  if (file.server.require_https ?? settings.mode === "production") checkHttps(settings, refuse);
  if (!server.loopback && !server.urlGiven && server.allowedHosts.length === 0) {
    notes.push(
      `server.url is not set: requests by another name than localhost are refused. Set server.url or server.allowed_hosts.`,
    );
  }
  return problems;
}

function checkNames(file: FileSettings, refuse: Refuse): void {
  const servers = new Map<string, number>();
  for (const [index, entry] of file.proxy.servers.entries()) {
    if (!entry.enabled) continue;
    const name = `${entry.namespace}/${entry.name}`;
    const first = servers.get(name);
    if (first === undefined) servers.set(name, index);
    else
      refuse(
        `proxy.servers[${index}].name`,
        `"${entry.name}" a second time`,
        "a name used once in its namespace",
        `rename it, or remove proxy.servers[${first}]`,
      );
  }
  const limits = new Set<string>();
  for (const list of ["rules", "defaults"] as const) {
    for (const [index, { name }] of file.rate_limits[list].entries()) {
      if (limits.has(name)) {
        refuse(`rate_limits.${list}[${index}].name`, `"${name}" a second time`, "a name used once");
      }
      limits.add(name);
    }
  }
  for (const [index, { name }] of file.rate_limits.default_rates.entries()) {
    if (limits.has(name))
      refuse(`rate_limits.default_rates[${index}]`, `a second rule called "${name}"`, "one rule of a name");
    limits.add(name);
  }
  const slugs = new Set<string>();
  for (const [index, entry] of file.namespaces.entries()) {
    if (slugs.has(entry.slug))
      refuse(`namespaces[${index}].slug`, `"${entry.slug}" a second time`, "a slug used once");
    slugs.add(entry.slug);
  }
  const policies = new Set<string>();
  for (const [index, { name, enabled }] of file.policies.rules.entries()) {
    if (!enabled) continue;
    if (policies.has(name))
      refuse(`policies.rules[${index}].name`, `"${name}" a second time`, "a name used once");
    policies.add(name);
  }
}

function checkMasterKeys(settings: Settings, refuse: Refuse): void {
  for (const [index, key] of settings.secrets.masterKeys.entries()) {
    const fault = masterKeyFault(key);
    if (fault === undefined) continue;
    refuse(
      `master_key[${index}]`,
      fault,
      "32 random bytes or more in base64 or hex",
      "make one with: openssl rand -base64 32",
    );
  }
}

/** A caller without a credential may come from this machine only; nothing in front may make others look so. */
function checkAnonymous(settings: Settings, refuse: Refuse): void {
  if (settings.auth.anonymous === undefined) return;
  if (!settings.server.loopback)
    refuse(
      "auth.anonymous",
      `anonymous mode with server.host ${settings.server.host}`,
      "a loopback server.host",
      "set server.host to 127.0.0.1, or remove auth.anonymous",
    );
  if (settings.server.trustedProxies.length > 0)
    refuse(
      "auth.anonymous",
      "anonymous mode with server.trusted_proxies",
      "no trusted proxies",
      "remove auth.anonymous, or empty server.trusted_proxies",
    );
}

/** A provider that could vouch for anybody, or a name that two share, is a way in nobody meant. */
function checkProviders(settings: Settings, { oauth }: FileSettings, refuse: Refuse): void {
  if (oauth.enabled && settings.providers.length === 0)
    refuse("oauth.authorization_servers", "no provider", "an issuer, or oauth.providers");
  const seen = new Set<string>();
  for (const provider of settings.providers) {
    const { name, preset, issuer, otherIssuers, tenancy, client, jit, requiredClaims } = provider;
    const at = oauth.providers.findIndex((entry) => entry.name === name);
    const key = at < 0 ? "oauth" : `oauth.providers[${at}]`;
    const fault = providerPresets[preset].fault?.(new URL(issuer), client !== undefined);
    if (fault !== undefined)
      refuse(
        at < 0 ? "oauth.authorization_servers" : `${key}.issuer`,
        `issuer ${issuer}`,
        fault.expected,
        fault.fix,
      );
    // Everybody in the world has an account there, or makes one with any audience.
    if (preset === "google" && jit && Object.keys(requiredClaims).length === 0)
      refuse(
        `${key}.jit`,
        "users for everybody who has a Google account",
        "required_claims beside it",
        'set required_claims: { hd: ["<your domain>"] }',
      );
    const parts = [name, issuer, ...otherIssuers];
    const again = parts.find((part) => seen.has(part));
    if (again !== undefined)
      refuse(key, `"${again}" a second time`, "each name and each issuer once, in whichever spelling");
    for (const part of parts) seen.add(part);
    if ("claim" in tenancy && tenancy.allowed.length === 0)
      refuse(
        `${key}.organizations`,
        "organization_claim without organizations",
        "the organisations it may name",
      );
    if (client?.secret !== undefined && client.privateKey !== undefined)
      refuse(`${key}.client_secret`, "client_secret and private_key", "one of them");
    const url = new URL(issuer);
    if (url.protocol !== "https:" && settings.mode === "production" && !isLoopbackHost(url.hostname))
      refuse(key, `issuer ${issuer}`, "an https issuer");
  }
}

/** An embedded store belongs to one process: two would each keep their own counts, sessions and configuration. */
function checkProcesses(settings: Settings, refuse: Refuse): void {
  if (settings.store.kind === "postgres") return;
  const fix = "set DATABASE_URL (or store.url) to a PostgreSQL database, or leave this out";
  if (settings.workers > 1)
    refuse("workers", `${settings.workers} workers on an embedded store`, "one worker, or PostgreSQL", fix);
  if (settings.role !== "all")
    refuse("role", `role ${settings.role} on an embedded store`, "role all, or PostgreSQL", fix);
  if (settings.cluster.advertiseUrl !== undefined)
    refuse("cluster.advertise_url", "an embedded store", "PostgreSQL, which gateways can share", fix);
}

function checkProduction(settings: Settings, refuse: Refuse): void {
  if (settings.secrets.masterKeys.length === 0)
    refuse(
      "master_key",
      "no master key",
      "MCP_GATEWAY_MASTER_KEY, or MCP_GATEWAY_MASTER_KEY_FILE (required in production)",
      "make one with: openssl rand -base64 32 — or set MCP_GATEWAY_ENV=development to have one generated",
    );
  const databases = {
    "store.url": settings.store.kind === "postgres" ? settings.store.url : undefined,
    "redis.url": settings.redis.url,
  };
  for (const [key, url] of Object.entries(databases)) {
    const fault = url === undefined ? undefined : passwordFault(url);
    if (fault === undefined) continue;
    refuse(
      key,
      fault,
      "12 characters or more that nobody can guess, on another machine (required in production)",
      "make one with: openssl rand -hex 24, and set it in the database too",
    );
  }
  const token = settings.telemetry.operatorToken;
  if (token !== undefined && token.length < OPERATOR_TOKEN_LENGTH_MIN)
    refuse(
      "telemetry.operator_token",
      `a token of ${token.length} characters`,
      `${OPERATOR_TOKEN_LENGTH_MIN} random characters or more`,
      "make one with: openssl rand -base64 32",
    );
}

function checkHttps(settings: Settings, refuse: Refuse): void {
  const url = new URL(settings.server.url);
  if (url.protocol === "https:" || isLoopbackHost(url.hostname)) return;
  refuse(
    "server.url",
    `"${settings.server.url}"`,
    "an https URL, since keys travel over it",
    "serve it through TLS (here or at a proxy), or set server.require_https: false",
  );
}

function checkReadable(path: string, key: string, refuse: Refuse): void {
  try {
    if (statSync(path).isFile()) return;
    refuse(key, `${path}, which is no file`, "a PEM file");
  } catch (error) {
    refuse(key, `${path}, which cannot be read (${errorCode(error)})`, "a PEM file");
  }
}
