import type { Arrival } from "../../model/arrival.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import type { LimitDimension } from "../../model/limit-rule.ts";
import { identity } from "../../model/naming.ts";
import { networkOf } from "../../model/network.ts";
import type { Operation } from "../../model/operation.ts";
import type { Principal } from "../../model/principal.ts";

/**
 * How something is counted: `subject` is the identity a count is kept by, the same on every path that leads to it;
 * `label` is what patterns are matched against.
 */
export interface Reading<X> {
  readonly subject: (x: X) => string;
  readonly label: (x: X) => string;
  /** Its subject is the same for whatever it will be asked of. */
  readonly isConstant?: true;
}
/** `undefined` where the dimension is not known (yet): rules that need it do not apply. */
export type SubjectReader<X> = Readonly<Record<LimitDimension, Reading<X> | undefined>>;

const plain = <X>(subject: (x: X) => string): Reading<X> => ({ subject, label: subject });

/** A key without a user counts as a user of its own: it is nobody's way around a limit per user. */
export function userOf({ userId, id }: Principal): string {
  return userId ?? id;
}
/** What is not a key (a user's own token) counts as a key of its own. */
export function keyOf({ keyId, id }: Principal): string {
  return keyId ?? id;
}

export const arrivalReader: SubjectReader<Arrival> = {
  ip: { subject: (arrival) => networkOf(arrival.clientAddress), label: (arrival) => arrival.clientAddress },
  user: undefined,
  key: undefined,
  organization: undefined,
  namespace: undefined,
  endpoint: undefined,
  server: undefined,
  tool: undefined,
};

/** An administrative act has no namespace and no target; its endpoint is what it does, `server.create`. */
export const operationReader: SubjectReader<Operation> = {
  ip: {
    subject: (operation) => networkOf(operation.clientAddress),
    label: (operation) => operation.clientAddress,
  },
  user: plain((operation) => userOf(operation.principal)),
  key: plain((operation) => keyOf(operation.principal)),
  organization: plain((operation) => operation.principal.organizationId),
  namespace: undefined,
  endpoint: {
    subject: ({ principal, action }) => `${principal.organizationId}/${action}`,
    label: ({ action }) => action,
  },
  server: undefined,
  tool: undefined,
};

const targetOf = (exchange: Exchange) => exchange.target as Target;

/** Server and tool are for exchanges whose target is known. */
export const exchangeReader: SubjectReader<Exchange> = {
  ip: {
    subject: (exchange) => networkOf(exchange.clientAddress),
    label: (exchange) => exchange.clientAddress,
  },
  user: plain((exchange) => userOf(exchange.principal)),
  key: plain((exchange) => keyOf(exchange.principal)),
  organization: plain((exchange) => exchange.endpoint.organizationId),
  namespace: {
    subject: (exchange) => exchange.endpoint.namespaceId,
    label: (exchange) => exchange.endpoint.namespaceSlug,
  },
  endpoint: {
    subject: ({ endpoint: { namespaceId, server } }) =>
      server === undefined ? namespaceId : `${namespaceId}/${server.id}`,
    // The whole path, whichever of its short forms the client wrote.
    label: ({ endpoint: { namespaceSlug, server } }) =>
      server === undefined
        ? `/namespaces/${namespaceSlug}/mcp`
        : `/namespaces/${namespaceSlug}/servers/${server.name}/mcp`,
  },
  server: {
    subject: (exchange) => targetOf(exchange).server.id,
    label: (exchange) => targetOf(exchange).server.name,
  },
  tool: {
    subject: (exchange) => identity(targetOf(exchange).server.id, targetOf(exchange).name),
    label: (exchange) =>
      `${exchange.endpoint.namespaceSlug}/${identity(targetOf(exchange).server.name, targetOf(exchange).name)}`,
  },
};
