import { type AdminApi, adminOperations } from "./admin-api.ts";

export type OperationId = keyof AdminApi;
type Answer<Id extends OperationId> = AdminApi[Id]["answer"];
type Given<K extends string, V> = [V] extends [undefined]
  ? { readonly [_ in K]?: undefined }
  : Record<never, never> extends V
    ? { readonly [_ in K]?: V }
    : { readonly [_ in K]: V };

/** What an operation is given: the parts its route has, and headers any may have. */
export type AdminRequest<Id extends OperationId> = Given<"params", AdminApi[Id]["params"]> &
  Given<"query", AdminApi[Id]["query"]> &
  Given<"body", AdminApi[Id]["body"]> & {
    /** Sends a create so that it happens once, however often it is sent. */
    readonly idempotencyKey?: string;
    /** The `etag` of the object as it was read; refused with 412 where it has changed since. */
    readonly ifMatch?: string;
    readonly signal?: AbortSignal;
  };

export interface AdminReply<Id extends OperationId> {
  readonly answer: Answer<Id>;
  readonly status: number;
  readonly etag: string | undefined;
  /** Names the request in the gateway's log and record. */
  readonly correlationId: string | undefined;
}

/** An answer that is no success: problem details (RFC 9457). */
export class AdminProblem extends Error {
  override readonly name = "AdminProblem";
  readonly status: number;
  /** Of the gateway's catalogue; `http` where something else answered. */
  readonly code: string;
  readonly correlationId: string | undefined;
  readonly data: unknown;

  constructor(status: number, code: string, detail: string, correlationId?: string, data?: unknown) {
    super(detail);
    this.status = status;
    this.code = code;
    this.correlationId = correlationId;
    this.data = data;
  }
}

/**
 * The administration API of a gateway, typed by its own schemas.
 * @example
 * const admin = new AdminClient("https://gateway.example.com", () => key);
 * const server = await admin.call("servers-create", { body: { name: "tickets", type: "streamable-http", url } });
 * for await (const one of admin.items("servers-list", {})) console.log(one.name);
 */
export class AdminClient {
  readonly #origin: string;
  readonly #credential: () => string | Promise<string>;
  readonly #fetch: (request: Request) => Promise<Response>;
  readonly #organization: string | undefined;

  /**
   * @param credential asked before each request, since tokens do not last
   * @param organization the slug of the one that is acted in; the caller's own without it
   */
  constructor(
    url: string,
    credential: () => string | Promise<string>,
    send: (request: Request) => Promise<Response> = (request) => fetch(request),
    organization?: string,
  ) {
    this.#origin = url.replace(/\/+$/, "");
    this.#credential = credential;
    this.#fetch = send;
    this.#organization = organization;
  }

  /** The same caller in another organisation, which is a platform administrator's to do. */
  within(organization: string): AdminClient {
    return new AdminClient(this.#origin, this.#credential, this.#fetch, organization);
  }

  /** @throws AdminProblem */
  async call<Id extends OperationId>(id: Id, request: AdminRequest<Id>): Promise<Answer<Id>> {
    return (await this.reply(id, request)).answer;
  }

  /** The same with what the headers say. @throws AdminProblem */
  async reply<Id extends OperationId>(id: Id, request: AdminRequest<Id>): Promise<AdminReply<Id>> {
    return replyOf(await this.send(id, request));
  }

  /**
   * What is there now, or `undefined` where it is still what an earlier answer's `etag` is of: nothing is sent again then.
   * @throws AdminProblem
   */
  async replyUnless<Id extends OperationId>(
    etag: string,
    id: Id,
    request: AdminRequest<Id>,
  ): Promise<AdminReply<Id> | undefined> {
    const response = await this.#sent(id, request, { "if-none-match": etag });
    return response.status === 304 ? undefined : replyOf(await answered(response));
  }

  /** The answer as it comes, for exports. @throws AdminProblem */
  async send<Id extends OperationId>(id: Id, request: AdminRequest<Id>): Promise<Response> {
    return answered(await this.#sent(id, request));
  }

  async #sent<Id extends OperationId>(
    id: Id,
    request: AdminRequest<Id>,
    conditions: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const operation: (typeof adminOperations)[OperationId] = adminOperations[id];
    const { method, path } = operation;
    const {
      params = {},
      query = {},
      body,
    } = request as {
      params?: Readonly<Record<string, string>>;
      query?: Readonly<Record<string, unknown>>;
      body?: unknown;
    };
    const url = new URL(
      this.#origin + path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "")),
    );
    if (this.#organization !== undefined && "ofOrganization" in operation)
      url.searchParams.set("organization", this.#organization);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = new Headers({ ...conditions, authorization: `Bearer ${await this.#credential()}` });
    if (request.idempotencyKey !== undefined) headers.set("idempotency-key", request.idempotencyKey);
    if (request.ifMatch !== undefined) headers.set("if-match", request.ifMatch);
    if (body !== undefined) headers.set("content-type", "application/json");
    return this.#fetch(
      new Request(url.href, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(request.signal !== undefined && { signal: request.signal }),
      }),
    );
  }

  /** Every item of a list, page after page. @throws AdminProblem */
  async *items<Id extends ListId>(
    id: Id,
    request: AdminRequest<Id>,
  ): AsyncGenerator<Answer<Id>["items"][number], void> {
    let cursor: string | null = null;
    do {
      const query: Readonly<Record<string, unknown>> = {
        ...request.query,
        ...(cursor !== null && { cursor }),
      };
      const page: Page<Answer<Id>["items"][number]> = await this.call(id, {
        ...request,
        query,
      } as AdminRequest<Id>);
      yield* page.items;
      cursor = page.next_cursor;
    } while (cursor !== null);
  }
}

interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

/** Operations that answer page by page. */
type ListId = {
  [Id in OperationId]: Answer<Id> extends Page<unknown> ? Id : never;
}[OperationId];

/** @throws AdminProblem */
async function answered(response: Response): Promise<Response> {
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function replyOf<Id extends OperationId>(response: Response): Promise<AdminReply<Id>> {
  const text = await response.text();
  return {
    answer: (text === "" ? undefined : JSON.parse(text)) as Answer<Id>,
    status: response.status,
    etag: response.headers.get("etag") ?? undefined,
    correlationId: response.headers.get("x-request-id") ?? undefined,
  };
}

async function problemOf(response: Response): Promise<AdminProblem> {
  const text = await response.text();
  const correlationId = response.headers.get("x-request-id") ?? undefined;
  if (response.headers.get("content-type")?.startsWith("application/problem+json") !== true) {
    return new AdminProblem(
      response.status,
      "http",
      `The answer was ${response.status}.`,
      correlationId,
      undefined,
    );
  }
  const { code, detail, correlation_id, data } = JSON.parse(text) as {
    code: string;
    detail: string;
    correlation_id: string;
    data?: unknown;
  };
  return new AdminProblem(response.status, code, detail, correlation_id, data);
}
