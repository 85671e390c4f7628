import { DEFAULT_ORGANIZATION_ID } from "../config/identity.ts";
import type { Arrival } from "../model/arrival.ts";
import type { AuditEvent } from "../model/ports/journal.ts";

/** Events of the record that no operation stands behind. */
export function keyChanged(act: string, keyId: string): AuditEvent {
  return {
    kind: "admin",
    action: `api_key.${act}`,
    actor: "cli",
    organizationId: DEFAULT_ORGANIZATION_ID,
    namespaceId: undefined,
    target: keyId,
    correlationId: undefined,
    clientAddress: undefined,
    detail: {},
  };
}

export function accountChanged(act: string, organizationId: string, userId: string): AuditEvent {
  return { ...keyChanged(act, userId), action: `user.${act}`, organizationId, target: `user:${userId}` };
}

export function failedAuthentication(arrival: Arrival): AuditEvent {
  return {
    kind: "security",
    action: "authentication.failed",
    actor: undefined,
    organizationId: undefined,
    namespaceId: undefined,
    target: arrival.path,
    correlationId: arrival.id,
    clientAddress: arrival.clientAddress,
    detail: {},
  };
}
