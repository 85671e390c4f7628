import { catalogue, type ErrorCode } from "./catalogue.ts";

export type ErrorParams = Readonly<Record<string, string | number>>;

/** Answers that a client gets over by sending the request again. */
const RETRIED: ReadonlySet<number> = new Set([429, 503]);
const PLAIN_DETAILS: ReadonlySet<ErrorCode> = new Set(["invalid_params", "invalid_request", "conflict"]);
const RETRY_SOON = { "retry-after": "1" };

/**
 * The one error class. `message` is public and comes from the catalogue; `cause` is private and goes to the log alone.
 * `data` is public too and travels as the JSON-RPC error's `data`.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  /** What the message was filled with. */
  readonly params: ErrorParams;
  readonly data: Readonly<Record<string, unknown>> | undefined;
  /** HTTP headers of the answer: when to try again (in a second, where nobody knows better), how a limit stands. */
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(
    code: ErrorCode,
    params: ErrorParams = {},
    options: {
      cause?: unknown;
      data?: Readonly<Record<string, unknown>>;
      headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(
      fill(catalogue[code].text, params),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "GatewayError";
    this.code = code;
    this.params = params;
    this.data = options.data;
    this.headers = RETRIED.has(this.httpStatus) ? { ...RETRY_SOON, ...options.headers } : options.headers;
  }

  get httpStatus(): number {
    return catalogue[this.code].http;
  }
  get rpcCode(): number {
    return catalogue[this.code].rpc;
  }

  /** For whoever typed a command: where the text is a kind of error and a detail, the detail, which says it all. */
  get plainMessage(): string {
    const { detail } = this.params;
    return typeof detail === "string" && PLAIN_DETAILS.has(this.code) ? detail : this.message;
  }

  /** The same, said of something else. */
  about(params: ErrorParams): GatewayError {
    const { code, cause, data, headers } = this;
    return new GatewayError(
      code,
      { ...this.params, ...params },
      {
        ...(cause !== undefined && { cause }),
        ...(data !== undefined && { data }),
        ...(headers !== undefined && { headers }),
      },
    );
  }

  /** Any thrown value as a `GatewayError`; what is not one becomes `internal` with the original as private cause. */
  static from(thrown: unknown): GatewayError {
    return thrown instanceof GatewayError ? thrown : new GatewayError("internal", {}, { cause: thrown });
  }
}

function fill(text: string, params: ErrorParams): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(params[name] ?? place));
}
