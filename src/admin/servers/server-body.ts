import { z } from "zod";
import { storedEntry } from "../../config/compile.ts";
import { isBearerToken } from "../../config/server-schema.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { NewServer, ServerChange } from "../../model/ports/store.ts";
import type { SecretsChange, ServerRecord, ServerSecrets } from "../../model/server-record.ts";
import { membersRefused } from "../checked.ts";
import { metadata, note, slug } from "../fields.ts";

const texts = z.array(z.string().max(4_096)).max(256);
const textMap = z.record(z.string().min(1).max(256), z.string().max(16_384));

export const serverType = z.enum(["streamable-http", "sse", "stdio"]);
const fields = {
  description: note,
  type: serverType,
  url: z.url().max(2_048).nullable(),
  headers: textMap.describe("Fixed request headers; kept encrypted, never shown."),
  auth: z
    .strictObject({
      type: z.enum(["none", "header", "bearer"]),
      header: z.string().min(1).max(256).optional(),
      value: z.string().min(1).max(16_384).optional(),
      token: z.string().min(1).max(16_384).optional(),
    })
    .describe("The credential shown to the server; kept encrypted, never shown."),
  command: z.string().min(1).max(4_096).nullable().describe("`stdio`: never through a shell."),
  args: texts,
  environment: textMap.describe("`stdio`: kept encrypted, never shown."),
  working_dir: z.string().min(1).max(4_096).nullable(),
  version: z.string().max(100).nullable(),
  tags: z.array(z.string().min(1).max(100)).max(100),
  metadata,
  health_check_url: z.url().max(2_048).nullable(),
  timeout_seconds: z.int().min(1).max(86_400),
  max_retries: z.int().min(0).max(20),
  active: z.boolean(),
  settings: z
    .record(z.string(), z.unknown())
    .describe("Further settings, spelled as in the configuration file: max_concurrency, sharing, expose …"),
};
export const newServer = z.strictObject({
  name: slug,
  namespace: slug.default("default"),
  ...z.strictObject(fields).partial().shape,
  type: fields.type,
});
export const serverChange = z.strictObject({ name: slug, ...fields }).partial();
type Given = z.output<typeof serverChange>;

/** Keys of `settings` that have a place of their own. */
const OWN_PLACES = new Set([
  ...[
    "name",
    "type",
    "enabled",
    "namespace",
    "description",
    "tags",
    "version",
    "metadata",
    "connection",
    "auth",
  ],
  ...["command", "args", "environment", "working_dir", "timeout", "max_retries"],
]);

/**
 * What is given, as columns. Secrets not given stay as they are.
 * @throws GatewayError `invalid_request`, also where secrets would go to another host than they were given for
 */
export function columnsOf(given: Given, before?: ServerRecord): ServerChange {
  const { environment, headers, auth } = given;
  if (before !== undefined) checkSecretsStayThere(given, before);
  const secrets: SecretsChange = {
    ...(environment !== undefined && { environment }),
    ...(headers !== undefined && { headers }),
    ...(auth !== undefined && { auth: credentialOf(auth) ?? null }),
  };
  const misplaced = Object.keys(given.settings ?? {}).find((key) => OWN_PLACES.has(key));
  if (misplaced !== undefined) {
    throw membersRefused({ path: `settings.${misplaced}`, message: "has a member of its own" });
  }
  return dropUndefined({
    name: given.name,
    description: given.description,
    protocol: given.type,
    url: given.url,
    command: given.command,
    args: given.args,
    workingDir: given.working_dir,
    version: given.version,
    tags: given.tags,
    metadata: given.metadata,
    healthCheckUrl: given.health_check_url,
    timeoutSeconds: given.timeout_seconds,
    maxRetries: given.max_retries,
    isActive: given.active,
    settings: given.settings,
    secrets: Object.keys(secrets).length > 0 ? secrets : undefined,
  });
}

/**
 * Whoever changes a server does not see its secrets, and has them sent to nobody who would show them. Those that no master
 * key opens now are there all the same, and open again with the key that sealed them.
 */
function checkSecretsStayThere(
  { url, headers, auth }: Given,
  { url: before, secrets, secretsUnreadable }: ServerRecord,
): void {
  if (url === undefined || url === null || originOf(url) === originOf(before)) return;
  const isLeft = {
    auth: (secretsUnreadable || secrets?.auth !== undefined) && auth === undefined,
    headers: (secretsUnreadable || Object.keys(secrets?.headers ?? {}).length > 0) && headers === undefined,
  };
  const message = "to be given again, or taken away, where the url leads to another origin";
  const [first, ...others] = (["auth", "headers"] as const)
    .filter((name) => isLeft[name])
    .map((path) => ({ path, message }));
  if (first !== undefined) throw membersRefused(first, ...others);
}
const originOf = (url: string | null): string | undefined =>
  url === null ? undefined : URL.parse(url)?.origin;

function credentialOf(auth: NonNullable<Given["auth"]>) {
  if (auth.type === "none") return undefined;
  if (auth.type === "bearer") {
    if (auth.token === undefined) throw missing("auth.token");
    // Here: of what is stored, and checked as the file is, nobody could say that it was a token.
    if (!isBearerToken(auth.token))
      throw membersRefused({
        path: "auth.token",
        message: "must be visible ASCII characters, without spaces and without the word Bearer",
      });
    return { header: "authorization", value: `Bearer ${auth.token}` };
  }
  if (auth.header === undefined) throw missing("auth.header");
  if (auth.value === undefined) throw missing("auth.value");
  return { header: auth.header, value: auth.value };
}
function missing(path: string): GatewayError {
  return membersRefused({ path, message: "required" });
}

function dropUndefined(change: { [K in keyof ServerChange]: ServerChange[K] | undefined }): ServerChange {
  return Object.fromEntries(
    Object.entries(change).filter(([, value]) => value !== undefined),
  ) as ServerChange;
}

/** The record a new server would be, or a stored one after a change. */
export function recordWith(before: ServerRecord | NewServer, change: ServerChange): ServerRecord {
  const now = Date.now();
  return {
    description: "",
    url: null,
    command: null,
    args: [],
    workingDir: null,
    version: null,
    tags: [],
    metadata: {},
    status: "active",
    healthCheckUrl: null,
    timeoutSeconds: 300,
    maxRetries: 3,
    isActive: true,
    settings: {},
    secretsUnreadable: false,
    createdBy: null,
    createdAt: now,
    updatedAt: now,
    ...before,
    ...change,
    secrets: secretsWith(before.secrets ?? null, change.secrets),
  };
}

function secretsWith(before: SecretsChange | null, change: SecretsChange | null | undefined): ServerSecrets {
  const { environment, headers, auth } = change === null ? {} : { ...before, ...change };
  return { ...(environment && { environment }), ...(headers && { headers }), ...(auth && { auth }) };
}

/** The rules of the configuration file hold for the API too. @throws GatewayError `invalid_request` naming the first problem */
export function checkRecord(record: ServerRecord): void {
  const parsed = storedEntry(record);
  if (!("problems" in parsed)) return;
  const errors = parsed.problems.map(({ key, found, expected, fix }) => ({
    // Of the file, where a server has its URL and headers one level down.
    path: key.replace(/^connection\./, ""),
    message: `found ${found}, expected ${expected}${fix === "" ? "" : `; ${fix}`}`,
  }));
  const detail = errors.map(({ path, message }) => `${path}: ${message}`)[0] ?? "not a server";
  throw new GatewayError("invalid_request", { detail }, { data: { errors } });
}
