/**
 * Every error the gateway itself can answer with: the one place where a name gets its HTTP status, its JSON-RPC code and
 * its public text. Codes of the protocol keep their numbers; ours are positive and never reused. `docs/errors.md` is
 * compared with this table by a test.
 */
interface CatalogueEntry {
  readonly http: number;
  readonly rpc: number;
  /** Public: what happened and what to do; `{name}` places are filled from the error's `params`. */
  readonly text: string;
}

export const catalogue = {
  // Refused at the door, before anything is read.
  host_refused: {
    http: 403,
    rpc: 1001,
    text: "The Host header names a host this gateway does not serve. Add it to server.allowed_hosts.",
  },
  origin_refused: {
    http: 403,
    rpc: 1002,
    text: "The Origin is not allowed. Add it to cors.allowed_origins.",
  },
  body_too_large: { http: 413, rpc: 1003, text: "The request body exceeds {limit} bytes." },
  unauthenticated: {
    http: 401,
    rpc: 1004,
    text: "A valid credential is needed: send Authorization: Bearer <API key or access token>.",
  },
  too_many_failures: {
    http: 429,
    rpc: 1005,
    text: "Too many failed attempts from this address. Try again in {seconds} s.",
  },
  unsupported_media_type: { http: 415, rpc: 1006, text: "Content-Type must be application/json." },
  not_acceptable: { http: 406, rpc: 1007, text: "Accept must allow {expected}." },
  method_not_allowed: { http: 405, rpc: 1008, text: "This path does not take that HTTP method." },
  not_found: { http: 404, rpc: 1009, text: "What the request names does not exist." },
  forbidden: { http: 403, rpc: 1010, text: "The credential does not permit this." },
  shutting_down: { http: 503, rpc: 1011, text: "The gateway is shutting down. Send the request again." },
  overloaded: {
    http: 503,
    rpc: 1012,
    text: "The gateway has too many requests under way. Try again shortly.",
  },
  starting: { http: 503, rpc: 1014, text: "The gateway is starting. Send the request again." },
  request_timeout: { http: 408, rpc: 1013, text: "The request body did not arrive in time." },
  // The message.
  parse_error: { http: 400, rpc: -32700, text: "The body is not valid JSON: {detail}." },
  invalid_request: { http: 400, rpc: -32600, text: "Not a valid request: {detail}." },
  batch_refused: { http: 400, rpc: -32600, text: "Batches are taken from 2025-03-26 clients only." },
  method_unknown: { http: 404, rpc: -32601, text: "Method not found: {method}." },
  invalid_params: { http: 400, rpc: -32602, text: "Invalid params: {detail}." },
  header_mismatch: { http: 400, rpc: -32020, text: "Header and body disagree: {detail}." },
  missing_client_capability: {
    http: 400,
    rpc: -32021,
    text: "The request needs client capabilities it did not declare.",
  },
  unsupported_protocol_version: { http: 400, rpc: -32022, text: "Unsupported protocol version." },
  session_required: { http: 400, rpc: 1020, text: "Mcp-Session-Id is missing. Send initialize first." },
  session_unknown: { http: 404, rpc: 1021, text: "The session is unknown or ended. Send initialize again." },
  // The call.
  tool_unknown: { http: 200, rpc: -32602, text: "Unknown tool: {name}" },
  prompt_unknown: { http: 200, rpc: -32602, text: "Unknown prompt: {name}" },
  resource_unknown: { http: 200, rpc: -32602, text: "Resource not found: {uri}" },
  resource_ambiguous: {
    http: 200,
    rpc: -32602,
    text: "Several servers could own {uri}. Read it at one server's own endpoint: {endpoints}.",
  },
  cursor_invalid: {
    http: 200,
    rpc: -32602,
    text: "The cursor is not valid (any more). Start the list again.",
  },
  policy_denied: { http: 200, rpc: 1030, text: "Denied by policy {policy}." },
  deadline_exceeded: { http: 200, rpc: 1031, text: "The call did not finish within {seconds} s." },
  call_cancelled: { http: 200, rpc: 1032, text: "The call was cancelled." },
  call_interrupted: { http: 200, rpc: 1033, text: "The gateway shut down before the call ended." },
  call_lost: { http: 200, rpc: 1034, text: "The call this continues is not known any more. Start it again." },
  result_too_large: { http: 200, rpc: 1035, text: "The server's answer exceeds {limit} bytes." },
  client_cannot_answer: {
    http: 200,
    rpc: 1036,
    text: "The server asked for {capability}, which this client did not declare.",
  },
  client_refused: { http: 200, rpc: 1037, text: "The client answered the server's question with an error." },
  // The server behind.
  upstream_unreachable: { http: 200, rpc: 1050, text: "Server {server} cannot be reached." },
  upstream_timeout: { http: 200, rpc: 1051, text: "Server {server} did not answer within {seconds} s." },
  upstream_busy: {
    http: 503,
    rpc: 1052,
    text: "Server {server} has its maximum of calls under way. Try again shortly.",
  },
  upstream_protocol_error: {
    http: 200,
    rpc: 1053,
    text: "Server {server} sent an answer that is not valid MCP.",
  },
  upstream_lost: {
    http: 200,
    rpc: 1054,
    text: "The connection to server {server} was lost before it answered.",
  },
  upstream_circuit_open: {
    http: 200,
    rpc: 1055,
    text: "Server {server} failed repeatedly and is given a rest. Try again in {seconds} s.",
  },
  upstream_refused: { http: 200, rpc: 1056, text: "Server {server} refused the gateway (HTTP {status})." },
  url_refused: {
    http: 422,
    rpc: 1057,
    text: "The gateway may not connect to this address. Allow it in outbound.allow.",
  },
  // The gateway itself.
  journal_unavailable: {
    http: 503,
    rpc: 1070,
    text: "The call cannot be recorded now, so it was not made. Try again shortly.",
  },
  store_unavailable: { http: 503, rpc: 1071, text: "The store cannot be reached. Try again shortly." },
  record_query_timeout: {
    http: 503,
    rpc: 1074,
    text: "The record could not be looked through within {seconds} s. Ask for a shorter time.",
  },
  already_exists: { http: 409, rpc: 1072, text: "{what} exists already." },
  reference_missing: { http: 422, rpc: 1073, text: "The request names something that does not exist." },
  // Administration, requests sent again.
  idempotency_key_unanswered: {
    http: 409,
    rpc: 1110,
    text: "The first request with this Idempotency-Key is under way, or ended without an answer.",
  },
  idempotency_key_reused: {
    http: 422,
    rpc: 1111,
    text: "This Idempotency-Key belongs to another request.",
  },
  // Administration.
  conflict: { http: 409, rpc: 1100, text: "Not in this state: {detail}." },
  managed_by_file: {
    http: 409,
    rpc: 1101,
    text: "{what} comes from the configuration file. Change it there.",
  },
  quota_exceeded: {
    http: 409,
    rpc: 1102,
    text: "The organisation has its maximum of {max} {what}. Raise it, or remove one.",
  },
  exceeds_creator: {
    http: 403,
    rpc: 1104,
    text: "Nobody gives or takes over rights beyond their own: {detail}.",
  },
  precondition_failed: {
    http: 412,
    rpc: 1103,
    text: "What is there is not what If-Match or If-None-Match asks for (any more). Read it again.",
  },
  sessions_exhausted: {
    http: 429,
    rpc: 1112,
    text: "The organisation has its maximum of {max} sessions, all in use.",
  },
  // Signing in.
  invalid_credentials: { http: 401, rpc: 1120, text: "The user name or the password is wrong." },
  current_password_wrong: { http: 403, rpc: 1129, text: "The current password is wrong." },
  invalid_grant: {
    http: 400,
    rpc: 1121,
    text: "The refresh token, key or assertion does not work (any more). Sign in again.",
  },
  invalid_client: { http: 401, rpc: 1122, text: "The client could not be authenticated." },
  unsupported_grant_type: { http: 400, rpc: 1123, text: "This grant type is not taken here." },
  invalid_scope: { http: 400, rpc: 1124, text: "The client may not have what it asks for: {detail}." },
  password_refused: { http: 422, rpc: 1125, text: "The new password is not taken: {detail}." },
  password_change_required: {
    http: 403,
    rpc: 1127,
    text: "Change the password first: POST /auth/password.",
  },
  sign_in_required: {
    http: 403,
    rpc: 1128,
    text: "This is done in person, by the token of a sign-in here: a key is not its owner.",
  },
  sign_in_failed: { http: 400, rpc: 1126, text: "The sign-in did not succeed. Start it again." },
  internal: { http: 500, rpc: -32603, text: "Internal error." },
  denied_by_policy: { http: 403, rpc: 1141, text: "Denied by policy {policy}." },
  insufficient_scope: { http: 403, rpc: 1140, text: "The token lacks a scope for this: {scope}." },
  // Limits.
  rate_limited: { http: 429, rpc: 1160, text: "The limit {rule} is reached. Try again in {seconds} s." },
  quota_exhausted: {
    http: 429,
    rpc: 1161,
    text: "The quota {rule} is used up. It begins anew in {seconds} s.",
  },
  too_many_at_once: {
    http: 429,
    rpc: 1162,
    text: "The limit {rule} on calls under way is reached. Try again when one has ended.",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;
