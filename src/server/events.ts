import type { CommandedChange } from "../admin/commanded-change.ts";
import type { Arrival } from "../model/arrival.ts";
import type { AuditEvent } from "../model/ports/journal.ts";

/** An act of the command line, as the same act over the API stands in the record. */
export function commanded({
  action,
  organizationId,
  namespaceId,
  target,
  before,
  after,
}: CommandedChange): AuditEvent {
  return {
    kind: "admin",
    action,
    actor: "cli",
    actorName: "cli",
    organizationId,
    namespaceId,
    target,
    correlationId: undefined,
    clientAddress: undefined,
    detail: { outcome: "ok", ...(before !== undefined && { before }), ...(after !== undefined && { after }) },
  };
}

/** Every secret sealed again with the first master key, at the command line: the installation's affair, and no organisation's. */
export function resealed(report: { readonly resealed: number; readonly unreadable: number }): AuditEvent {
  return {
    kind: "admin",
    action: "master_key.rotate",
    actor: "cli",
    actorName: "cli",
    organizationId: undefined,
    namespaceId: undefined,
    target: "master_key",
    correlationId: undefined,
    clientAddress: undefined,
    detail: { outcome: "ok", after: report },
  };
}

const NO_CREDENTIAL_OF_OURS = "neither an API key nor a token that is taken here";

export function failedAuthentication(arrival: Arrival): AuditEvent {
  return {
    kind: "security",
    action: "authentication.failed",
    actor: undefined,
    actorName: undefined,
    organizationId: undefined,
    namespaceId: undefined,
    target: arrival.path,
    correlationId: arrival.id,
    clientAddress: arrival.clientAddress,
    detail: { outcome: "unauthenticated", reason: arrival.refusal ?? NO_CREDENTIAL_OF_OURS },
  };
}
