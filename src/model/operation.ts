import type { LimitNote } from "./limit-note.ts";
import type { Principal, Role } from "./principal.ts";

/**
 * An act that a person does and no key for it (ADR 0033): by a token of any sign-in, `here` or at an identity provider
 * (`anywhere`), once a password that somebody else has seen is changed; or of a sign-in `here` alone, also before that.
 */
export type InPerson = "anywhere" | "here";

/** Acts of administration that policies may name, each with who may at every route that does it. */
export type Verbs = ReadonlyMap<string, readonly Pick<Operation, "roles" | "inPerson">[]>;

/** What an act is about, as policies name it. */
export interface OperationObject {
  /** The noun: `server`. */
  readonly kind: string;
  /** Undefined where the act is about no single one, as lists are, or about one that is still to be made. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  /** Undefined for what belongs to the whole organisation. */
  readonly namespaceSlug: string | undefined;
}

/** As the record of an organisation shows whose somebody is who is not of it. */
export interface OwnOrganization {
  readonly id: string;
  readonly slug: string;
}

/** One administrative act, as the policies see it: who does what, to what of whom. */
export interface Operation {
  /** Correlation id. */
  readonly id: string;
  /** Noun and verb, as it stands in the record: `server.create`. */
  readonly action: string;
  readonly principal: Principal;
  /** The organisation acted in: the caller's own, or the one it named; empty on open routes until it is known. */
  organizationId: string;
  /** The slug of the organisation that the request names to act in. */
  readonly organizationNamed: string | undefined;
  /** The caller's own organisation, where it acts in another. */
  actorOrganization: OwnOrganization | undefined;
  /** Who acted, where the act itself says so: somebody who signs in. */
  actor: { readonly id: string; readonly name: string } | undefined;
  readonly clientAddress: string;
  readonly limitNote: LimitNote;
  /** Roles that may; a platform administrator always may. Empty: platform administrators alone. */
  readonly roles: readonly Role[];
  readonly inPerson: InPerson | undefined;
  /** Something changes by it, so it is recorded whatever its end. */
  readonly changes: boolean;
  /** Set where it shows what was said in calls: recorded like a change. */
  reveals: boolean;
  /** What it is about; two where it gives the object another name. Looked up when it is first asked for. */
  readonly objects: () => Promise<readonly OperationObject[]>;
  /** The pattern of acts that let its caller in, where the role does not. */
  permittedBy: string | undefined;
  /** The policy that denied it. */
  refusedBy: string | undefined;
  /** What it was about, `server:<id>`; set by the handler as soon as it is known. */
  target: string | undefined;
  namespaceId: string | undefined;
  /** The object as the API shows it, without secrets; for the record. */
  before: object | undefined;
  after: object | undefined;
}
