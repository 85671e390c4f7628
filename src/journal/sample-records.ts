/** Records for the tests of this folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallEnd, CallIntent } from "../model/ports/journal.ts";
import type { Principal } from "../model/principal.ts";

export function samplePrincipal(organizationId = "0197a000-0000-7000-8000-000000000001"): Principal {
  return {
    id: "key:0197a000-0000-7000-8000-00000000000a",
    kind: "api_key",
    name: "mgw_sample",
    organizationId,
    namespaceId: "0197a000-0000-7000-8000-000000000002",
    namespaceBound: false,
    role: "user",
    platformAdmin: false,
    permissions: ["*"],
    permissionKey: "all",
  };
}

const principal = samplePrincipal();

export function sampleIntent(over: Partial<CallIntent> = {}): CallIntent {
  return {
    callId: Bun.randomUUIDv7(),
    correlationId: Bun.randomUUIDv7(),
    principal,
    namespaceId: principal.namespaceId,
    method: "tools/call",
    serverId: "0197a000-0000-7000-8000-000000000003",
    serverName: "github",
    servedBy: undefined,
    target: "create_issue",
    argumentsDigest: undefined,
    clientAddress: "127.0.0.1",
    clientName: 'quo"ted ⚙',
    era: "modern",
    traceId: undefined,
    ...over,
  };
}

export const okEnd: CallEnd = { status: "ok", errorCode: undefined, durationMs: 12.3456, resultBytes: 42 };

export const sampleEvent = {
  kind: "admin",
  action: "server.create",
  actor: "key:a",
  actorName: "mgw_a",
  organizationId: undefined,
  namespaceId: undefined,
  target: "github",
  correlationId: undefined,
  clientAddress: undefined,
  detail: { before: null, after: { tags: ["ä", '"'] }, detail: ',"detail":' },
} as const;

/** A directory of its own for each test, removed by `using`. */
export function temporaryDir(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "journal-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
