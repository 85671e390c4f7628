import type { z } from "zod";
import type { ErrorCode } from "../errors/catalogue.ts";
import type { IncomingHeaders } from "../model/incoming-request.ts";
import type { InPerson, Operation } from "../model/operation.ts";
import type { Role } from "../model/principal.ts";
import { versionTag } from "./entity-tag.ts";
import type { AdminParts } from "./parts.ts";

/** Who may call: anybody, or callers whose role the route names (`operator`: platform administrators alone). */
export type AdminAccess = "open" | "caller" | "operator";
/** What an act is about: an organisation's affairs, those of the caller alone, or the installation's. */
export type AdminScope = "organization" | "caller" | "installation";
export type AdminMethod = "GET" | "POST" | "PUT" | "DELETE";

/** What a handler is given: the request, read and checked by the route's schemas. */
export interface AdminRequest<Q, B> {
  readonly operation: Operation;
  readonly parts: AdminParts;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
  /** Request headers. */
  readonly headers: IncomingHeaders;
}

export interface AdminAnswer {
  /** Parsed through the route's schema, so that nothing undeclared leaves; `undefined` for 204. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of a JSON body: text of another kind, or pieces of one that is made while it is read. */
  readonly raw?: { readonly body: AsyncIterable<string> | string; readonly contentType: string };
}

/** A route of the control plane as data: the manifest, the role table, the OpenAPI document and the client derive from it. */
export interface AdminRoute {
  readonly id: string;
  readonly method: AdminMethod;
  /** `{x}` stands for one path segment. */
  readonly path: string;
  readonly access: AdminAccess;
  readonly roles: readonly Role[];
  readonly scope: AdminScope;
  readonly inPerson: InPerson | undefined;
  /** Noun and verb, for the record. */
  readonly action: string;
  readonly tag: string;
  readonly summary: string;
  /** Query parameters; unknown ones are errors. */
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Status of success. */
  readonly status: 200 | 201 | 204 | 302;
  readonly response?: z.ZodType;
  /** Media types of answers that are no JSON. */
  readonly produces: readonly string[];
  /** Headers of its success beside those of any route of its shape, with what they say. */
  readonly answerHeaders: Readonly<Record<string, string>>;
  /** Reads only, whatever its method says. */
  readonly reads: boolean;
  /** Its handler checks `If-Match` within the write; elsewhere there is no version it could name. */
  readonly versioned: boolean;
  /** Also takes `application/x-www-form-urlencoded`. */
  readonly takesForms: boolean;
  /** A token route: its errors are those of RFC 6749. */
  readonly oauthErrors: boolean;
  /** Errors of its handler, beside those any route of its shape may answer with (`refusals.ts`). */
  readonly refuses: readonly ErrorCode[];
  readonly handle: (request: AdminRequest<never, never>) => Promise<AdminAnswer>;
}

interface RouteInit<Q extends z.ZodObject, B extends z.ZodType, R extends z.ZodType> {
  readonly id: string;
  readonly method: AdminMethod;
  readonly path: string;
  readonly access?: AdminAccess;
  readonly roles?: readonly Role[];
  readonly scope?: AdminScope;
  readonly inPerson?: InPerson;
  readonly action: string;
  readonly summary: string;
  readonly query?: Q;
  readonly body?: B;
  readonly status?: 200 | 201 | 204 | 302;
  readonly response?: R;
  readonly produces?: readonly string[];
  readonly answerHeaders?: Readonly<Record<string, string>>;
  readonly reads?: boolean;
  readonly versioned?: boolean;
  readonly takesForms?: boolean;
  readonly oauthErrors?: boolean;
  readonly refuses?: readonly ErrorCode[];
  readonly handle: (request: AdminRequest<z.output<Q>, z.output<B>>) => Promise<AdminAnswer>;
}

/**
 * @param init roles default to none, which leaves platform administrators; the noun of `action` is the tag; what a caller may
 * do is about an organisation
 */
export function defineRoute<
  Q extends z.ZodObject = z.ZodObject<Record<never, never>>,
  B extends z.ZodType = z.ZodUndefined,
  R extends z.ZodType = z.ZodUndefined,
>(init: RouteInit<Q, B, R>): AdminRoute {
  const { action, method, access = "caller" } = init;
  return {
    access,
    roles: [],
    scope: access === "caller" ? "organization" : "installation",
    inPerson: undefined,
    status: 200,
    tag: action.slice(0, action.indexOf(".")),
    reads: method === "GET",
    versioned: false,
    takesForms: false,
    oauthErrors: false,
    refuses: [],
    produces: [],
    answerHeaders: {},
    ...init,
  } as AdminRoute;
}

/** The answer of a version; it leaves with a tag that later updates may name in `If-Match`. */
export function tagged(body: { readonly updated_at: string }): AdminAnswer {
  return { body, headers: { etag: versionTag(body.updated_at) } };
}
