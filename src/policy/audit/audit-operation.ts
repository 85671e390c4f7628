import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Journal } from "../../model/ports/journal.ts";
import { isKeptAtHome } from "../authorize/acted-in.ts";
import type { Policy } from "../policy.ts";

/**
 * The record of administration: every change with what it was before and after, and every refusal, whoever refused. Reads
 * that succeed are not recorded, but those that show what was said in calls, and whatever a platform administrator does in
 * another organisation than its own: in the record of that one. Whoever may not is told that there is none, which is a
 * refusal too. The answer goes out when its record stands.
 */
export function auditOperationPolicy<R>(journal: Journal): Policy<Operation, R> {
  const record = async (operation: Operation, outcome: string): Promise<void> => {
    const { action, principal, organizationId, namespaceId, target, clientAddress } = operation;
    const actor = operation.actor ?? principal;
    const { permittedBy, refusedBy: policy, actorOrganization, before, after } = operation;
    await journal.event({
      kind: outcome === "ok" ? "admin" : "security",
      action,
      actor: actor.id,
      actorName: actor.name,
      organizationId: organizationId === "" ? undefined : organizationId,
      namespaceId,
      target,
      correlationId: operation.id,
      clientAddress,
      detail: {
        outcome,
        ...(actorOrganization !== undefined && { actor_organization: actorOrganization }),
        ...(permittedBy !== undefined && { permitted_by: permittedBy }),
        ...(policy !== undefined && { policy }),
        ...(before !== undefined && { before }),
        ...(after !== undefined && { after }),
      },
    });
  };
  return async (operation, next) => {
    let result: R;
    try {
      result = await next(operation);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      if (isRecorded(operation) || error.httpStatus === 403 || isKeptAtHome(operation))
        await record(operation, error.code);
      throw thrown;
    }
    if (isRecorded(operation)) await record(operation, "ok");
    return result;
  };
}

/** Whatever its end. */
function isRecorded({ changes, reveals, actorOrganization }: Operation): boolean {
  return changes || reveals || actorOrganization !== undefined;
}
