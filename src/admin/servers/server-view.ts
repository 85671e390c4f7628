import { z } from "zod";
import type { ServerDefinition } from "../../model/server.ts";
import type { ServerRecord } from "../../model/server-record.ts";
import { metadata, note, slug, time, timeOf, uuid } from "../fields.ts";
import type { RunningServer } from "../parts.ts";

export const serverStatus = z.enum(["connecting", "ready", "failed", "closed", "inactive"]);

/** A server as the API shows it. Values of secrets are never shown, only that they are there and what they are called. */
export const server = z
  .object({
    id: uuid,
    name: slug,
    namespace: slug,
    namespace_id: uuid,
    managed: z.boolean().describe("It comes from the configuration file, and is changed there."),
    active: z.boolean(),
    description: note,
    type: z.string(),
    url: z.string().nullable(),
    command: z.string().nullable(),
    args: z.array(z.string()),
    working_dir: z.string().nullable(),
    environment_names: z.array(z.string()),
    header_names: z.array(z.string()),
    auth_header: z.string().nullable(),
    version: z.string().nullable(),
    tags: z.array(z.string()),
    metadata,
    health_check_url: z.string().nullable(),
    timeout_seconds: z.number(),
    max_retries: z.number(),
    settings: z.record(z.string(), z.unknown()),
    status: z.object({
      status: serverStatus,
      reason: z.string().nullable(),
      era: z.string().nullable(),
      revision: z.string().nullable(),
      breaker: z.string().nullable(),
      in_flight: z.number(),
      tools: z.number(),
      resources: z.number(),
      prompts: z.number(),
      excluded: z.array(z.object({ kind: z.string(), name: z.string(), reason: z.string() })),
    }),
    created_at: time.nullable(),
    updated_at: time.nullable(),
  })
  .meta({ id: "Server" });
export type ServerView = z.input<typeof server>;

export function statusOf(running: RunningServer | undefined): ServerView["status"] {
  const { state, part } = running ?? {};
  return {
    status: state?.status ?? "inactive",
    reason: state?.reason ?? null,
    era: state?.era ?? null,
    revision: state?.revision ?? null,
    breaker: state?.breaker ?? null,
    in_flight: state?.inFlight ?? 0,
    tools: part?.entries.tools.length ?? 0,
    resources: part?.entries.resources.length ?? 0,
    prompts: part?.entries.prompts.length ?? 0,
    excluded: (part?.lists.excluded ?? []).map(({ kind, name, reason }) => ({ kind, name, reason })),
  };
}

export function storedView(
  row: ServerRecord,
  namespaceSlug: string,
  running: RunningServer | undefined,
): ServerView {
  return {
    id: row.id,
    name: row.name,
    namespace: namespaceSlug,
    namespace_id: row.namespaceId,
    managed: false,
    active: row.isActive,
    description: row.description,
    type: row.protocol,
    url: row.url,
    command: row.command,
    args: [...row.args],
    working_dir: row.workingDir,
    environment_names: Object.keys(row.secrets?.environment ?? {}),
    header_names: Object.keys(row.secrets?.headers ?? {}),
    auth_header: row.secrets?.auth?.header ?? null,
    version: row.version,
    tags: [...row.tags],
    metadata: { ...row.metadata },
    health_check_url: row.healthCheckUrl,
    timeout_seconds: row.timeoutSeconds,
    max_retries: row.maxRetries,
    settings: { ...row.settings },
    status: statusOf(running),
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  };
}

/** A server of the configuration file, or of the demonstration. */
export function managedView(
  definition: ServerDefinition,
  namespaceSlug: string,
  running: RunningServer | undefined,
): ServerView {
  const { connection } = definition;
  const http = connection.type === "stdio" ? undefined : connection;
  const child = connection.type === "stdio" ? connection : undefined;
  return {
    id: definition.id,
    name: definition.name,
    namespace: namespaceSlug,
    namespace_id: definition.namespaceId,
    managed: true,
    active: true,
    description: definition.description,
    type: connection.type,
    url: http?.url ?? null,
    command: child?.command ?? null,
    args: [...(child?.args ?? [])],
    working_dir: child?.workingDir ?? null,
    environment_names: Object.keys(child?.environment ?? {}),
    header_names: Object.keys(http?.headers ?? {}),
    auth_header: http?.auth?.header ?? null,
    version: definition.version ?? null,
    tags: [...definition.tags],
    metadata: { ...definition.metadata },
    health_check_url: null,
    timeout_seconds: definition.timeoutMs / 1000,
    max_retries: definition.maxRetries,
    settings: {},
    status: statusOf(running),
    created_at: null,
    updated_at: null,
  };
}
