import type { z } from "zod";
import { GatewayError } from "../errors/gateway-error.ts";
import { operationLayers } from "../gateway/pipeline.ts";
import type { IncomingRequest } from "../model/incoming-request.ts";
import type { LimitNote } from "../model/limit-note.ts";
import type { Operation } from "../model/operation.ts";
import type { Journal } from "../model/ports/journal.ts";
import type { Principal } from "../model/principal.ts";
import { type HttpAnswer, TextAnswer } from "../net/listener/text-answer.ts";
import { type BodyLimits, readText } from "../net/request-body.ts";
import { mayGoOn } from "../policy/authorize/authorize-operation.ts";
import { compose } from "../policy/compose.ts";
import type { Limits } from "../policy/limit/limits.ts";
import type { Layer } from "../policy/policy.ts";
import { type JsonLimits, parseGuarded } from "../protocol/json.ts";
import { AnswerRoom } from "./answer-room.ts";
import { checked } from "./checked.ts";
import { isKnown, shownTag } from "./entity-tag.ts";
import { once } from "./idempotency.ts";
import { organizationNamed, placeOf } from "./named-organization.ts";
import { nounOfPath, objectsOf } from "./operation-objects.ts";
import type { AdminParts } from "./parts.ts";
import { restingOrganization } from "./resting-organization.ts";
import type { AdminAnswer, AdminRoute } from "./route.ts";
import { type OpenAnswers, streamedAnswer } from "./streamed-answer.ts";

/** One HTTP request of the control plane, past the door. */
export interface AdminCall {
  readonly path: string;
  readonly request: IncomingRequest;
  readonly params: Readonly<Record<string, string>>;
  /** Undefined on open routes. */
  readonly principal: Principal | undefined;
  readonly correlationId: string;
  readonly clientAddress: string;
  readonly limitNote: LimitNote;
  /** Of the answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A request as its route's schemas read it. */
interface ReadRequest {
  readonly query: unknown;
  readonly body: unknown;
  /** The body as it came. */
  readonly text: string;
}

/** What a request asks for, before any layer has seen it. */
interface PreparedOperation {
  readonly operation: Operation;
  readonly run: () => Promise<AdminAnswer>;
}

/** Who acts on an open route, until its handler knows better. */
const NOBODY: Principal = {
  id: "nobody",
  kind: "anonymous",
  name: "nobody",
  organizationId: "",
  namespaceId: "",
  namespaceBound: false,
  role: "viewer",
  platformAdmin: false,
  permissions: [],
  permissionKey: "nobody",
};

/**
 * Serves the routes of the control plane: reads and checks the request by the route's schemas, runs it as an `Operation`
 * through its layers, and lets nothing out that the route does not declare.
 */
export class Administration {
  readonly #parts: AdminParts;
  readonly #jsonLimits: JsonLimits;
  readonly #body: BodyLimits;
  readonly #layers: readonly Layer<Operation, AdminAnswer>[];
  readonly #openAnswers: OpenAnswers;
  readonly #room = new AnswerRoom();
  readonly #byKey: ReadonlyMap<string, AdminRoute>;

  constructor(deps: {
    readonly parts: AdminParts;
    readonly journal: Journal;
    readonly jsonLimits: JsonLimits;
    readonly body: BodyLimits;
    readonly limits: Limits;
    readonly openAnswers: OpenAnswers;
    readonly routes: readonly AdminRoute[];
  }) {
    this.#openAnswers = deps.openAnswers;
    this.#parts = deps.parts;
    this.#jsonLimits = deps.jsonLimits;
    this.#body = deps.body;
    const { parts } = deps;
    this.#layers = operationLayers(
      deps.journal,
      deps.limits,
      {
        find: (id) => parts.store.organizations.find(id),
        bySlug: (slug) => parts.store.acrossTenants.organizationBySlug(slug),
      },
      (id) => parts.organization(id),
      (id) => parts.scopes.rules(id),
      () => parts.clock.now(),
    );
    for (const route of deps.routes) if (route.access !== "open") nounOfPath(route);
    this.#byKey = new Map(deps.routes.map((route) => [`${route.method} ${route.path}`, route]));
  }

  /** @param path as the manifest spells it, `{x}` included @throws GatewayError */
  async serve(path: string, call: AdminCall): Promise<HttpAnswer> {
    const { request } = call;
    const route = this.#byKey.get(`${request.method === "HEAD" ? "GET" : request.method} ${path}`);
    if (route === undefined) throw new GatewayError("method_not_allowed");
    const common = { ...call.headers, "cache-control": "no-store" };
    const { operation, run } = this.#prepared(route, call);
    let answer: AdminAnswer;
    try {
      answer = await run();
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      if (!route.oauthErrors || (error.httpStatus !== 400 && error.httpStatus !== 401)) throw thrown;
      return oauthError(error, call.correlationId, common);
    }
    const headers: Record<string, string> = { ...common, ...answer.headers };
    if (answer.raw !== undefined) {
      const { body, contentType } = answer.raw;
      headers["content-type"] = contentType;
      if (typeof body === "string") return new TextAnswer(200, headers, body);
      return new Response(request.method === "HEAD" ? null : this.#streamed(operation, body), { headers });
    }
    if (route.response === undefined || answer.body === undefined) {
      return new TextAnswer(route.status === 302 ? 302 : 204, headers, null);
    }
    const shown = route.response.safeParse(answer.body);
    if (!shown.success) throw new GatewayError("internal", {}, { cause: shown.error });
    if (route.status === 201) {
      const { id } = shown.data as { id: string };
      headers.location = placeOf(call.path, id, operation.organizationNamed);
    }
    const text = JSON.stringify(shown.data);
    if (headers.etag !== undefined) {
      headers.etag = shownTag(headers.etag, text);
      if (route.method === "GET" && isKnown(request.headers.get("if-none-match"), headers.etag))
        return new TextAnswer(304, headers, null);
    }
    return TextAnswer.json(route.status, headers, text);
  }

  #prepared(route: AdminRoute, call: AdminCall): PreparedOperation {
    const principal = call.principal ?? NOBODY;
    const read = onceAsked(() => this.#read(route, call));
    const parts = onceAsked(() => this.#partsFor(operation));
    const operation: Operation = {
      id: call.correlationId,
      action: route.action,
      principal,
      organizationId: principal.organizationId,
      organizationNamed: organizationNamed(route, call.request),
      actorOrganization: undefined,
      clientAddress: call.clientAddress,
      limitNote: call.limitNote,
      actor: undefined,
      roles: route.access === "open" ? [principal.role] : route.roles,
      inPerson: route.inPerson,
      changes: !route.reads,
      reveals: false,
      permittedBy: undefined,
      refusedBy: undefined,
      objects: onceAsked(async () => {
        const { body } = await read();
        const { organizationId } = operation;
        return objectsOf(await parts(), route, { organizationId, principal, id: call.params.id, body });
      }),
      target: undefined,
      namespaceId: undefined,
      before: undefined,
      after: undefined,
    };
    const layers = compose(this.#layers, async (inner) =>
      this.#handle(route, inner, call, await read(), await parts()),
    );
    return { operation, run: async () => layers.run(operation) };
  }

  /** Of what has been compiled, or of the store alone where a platform administrator acts in what is not in force. */
  async #partsFor({ organizationId, actorOrganization }: Operation): Promise<AdminParts> {
    const parts = this.#parts;
    if (actorOrganization === undefined || parts.organization(organizationId) !== undefined) return parts;
    const resting = await restingOrganization(parts.store, organizationId);
    // What has been compiled in the meantime is newer.
    const organization: AdminParts["organization"] = (id) =>
      parts.organization(id) ?? (id === organizationId ? resting : undefined);
    return { ...parts, organization };
  }

  async #read(route: AdminRoute, call: AdminCall): Promise<ReadRequest> {
    const query = readQuery(route.query, call.request.url);
    if (!route.reads && !route.versioned) this.#checkUnversioned(route, call.request);
    const isForm = route.takesForms && isFormRequest(call.request);
    const text = route.body === undefined ? "" : await this.#readText(call.request, isForm);
    const body = route.body === undefined ? undefined : this.#readBody(route.body, text, isForm);
    return { query, text, body };
  }

  /** RFC 9110, 13.1: without a current version no tag is the current one; what can be read is there. */
  #checkUnversioned({ method, path }: AdminRoute, { headers }: IncomingRequest): void {
    const isAnyWanted = (headers.get("if-match") ?? "*").trim() === "*";
    const isNoneWanted = method !== "GET" && headers.get("if-none-match")?.trim() === "*";
    if (!isAnyWanted || (isNoneWanted && this.#byKey.has(`GET ${path}`)))
      throw new GatewayError("precondition_failed");
  }

  #streamed(operation: Operation, texts: AsyncIterable<string>): ReadableStream<Uint8Array> {
    const { id: correlationId, action, principal } = operation;
    const leave = this.#room.enter(principal.organizationId);
    return streamedAnswer({
      texts,
      principal,
      onEnd: leave,
      openAnswers: this.#openAnswers,
      permits: (renewed) => mayGoOn(operation, renewed),
      onFailure: (err) => this.#parts.log.warn({ correlationId, action, err }, "an answer was broken off"),
    });
  }

  async #handle(
    route: AdminRoute,
    operation: Operation,
    call: AdminCall,
    { query, text, body }: ReadRequest,
    parts: AdminParts,
  ): Promise<AdminAnswer> {
    const run = () =>
      route.handle({
        operation,
        parts,
        params: call.params,
        query: query as never,
        body: body as never,
        headers: call.request.headers,
      });
    const name = call.request.headers.get("idempotency-key");
    if (name === null || route.status !== 201) {
      const answer = await run();
      // Before it is recorded as given.
      if (typeof answer.raw?.body === "object") this.#room.check(operation.principal.organizationId);
      return answer;
    }
    const { answer, isReplay } = await once(
      this.#parts.store.idempotencyKeys,
      {
        organizationId: operation.organizationId,
        principalId: operation.principal.id,
        name,
        route: `${route.method} ${call.path}`,
        body: text,
        at: this.#parts.clock.now(),
      },
      run,
    );
    return isReplay ? { ...answer, headers: { ...answer.headers, "idempotency-replayed": "true" } } : answer;
  }

  async #readText(request: IncomingRequest, isForm: boolean): Promise<string> {
    const contentType = request.headers.get("content-type") ?? "";
    if (!isForm && !/^application\/json\s*(;|$)/i.test(contentType))
      throw new GatewayError("unsupported_media_type");
    return readText(request, this.#body);
  }

  #readBody(schema: z.ZodType, text: string, isForm: boolean): unknown {
    if (text === "" && !isForm)
      throw new GatewayError("parse_error", { detail: "it is empty; an object is expected, if only {}" });
    const value = isForm ? onceEach(new URLSearchParams(text)) : parseGuarded(text, this.#jsonLimits).value;
    return checked(schema, value, "the body");
  }
}

/** Asks when it is first called for, and remembers what came of it. */
function onceAsked<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => (asked ??= ask());
}

/** RFC 6749, 5.2: how the token routes say what is wrong. */
function oauthError(
  error: GatewayError,
  correlationId: string,
  headers: Readonly<Record<string, string>>,
): TextAnswer {
  // What cannot be read is an invalid request there.
  const code = error.code === "parse_error" ? "invalid_request" : error.code;
  const body = { error: code, error_description: error.message, correlation_id: correlationId };
  const challenge = error.httpStatus === 401 && { "www-authenticate": 'Basic realm="mcp-gateway"' };
  return TextAnswer.json(error.httpStatus, { ...headers, ...challenge }, JSON.stringify(body));
}

function isFormRequest(request: IncomingRequest): boolean {
  return /^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers.get("content-type") ?? "");
}

/** Parameters by name; one given twice is an error (RFC 6749, 3.2). */
function onceEach(parameters: URLSearchParams): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of parameters) {
    if (name in given) throw new GatewayError("invalid_request", { detail: `${name} is given twice` });
    given[name] = value;
  }
  return given;
}

function readQuery(schema: z.ZodObject | undefined, url: string): unknown {
  const given = onceEach(new URL(url).searchParams);
  if (schema === undefined) {
    const [name] = Object.keys(given);
    if (name !== undefined)
      throw new GatewayError("invalid_request", { detail: `unknown parameter ${name}` });
    return {};
  }
  return checked(schema, given, "the query");
}
