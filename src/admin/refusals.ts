import { z } from "zod";
import { catalogue, type ErrorCode } from "../errors/catalogue.ts";
import type { AdminRoute } from "./route.ts";

/** Whether its answer has an `ETag`. */
export function showsVersion({ response }: AdminRoute): boolean {
  return response instanceof z.ZodObject && "updated_at" in response.shape;
}

/**
 * Every error the route may answer with, by HTTP status, but for those of a gateway that cannot work now (5xx): what the
 * OpenAPI document declares, and what the tests of the routes demand to see from each.
 */
export function refusalsOf(route: AdminRoute): ReadonlyMap<number, readonly ErrorCode[]> {
  const isOpen = route.access === "open";
  const codes: ErrorCode[] = ["invalid_request", "host_refused", "origin_refused"];
  codes.push("rate_limited", "quota_exhausted", "too_many_at_once");
  if (!isOpen) codes.push("unauthenticated", "forbidden", "denied_by_policy", "too_many_failures");
  // What everybody may do somebody with a given password may do too.
  if (!isOpen && !route.roles.includes("api_user")) codes.push("password_change_required");
  if (route.roles.includes("admin")) codes.push("insufficient_scope");
  if (route.inPerson !== undefined) codes.push("sign_in_required");
  if (route.inPerson === "anywhere") codes.push("password_change_required");
  if (route.path.includes("{id}") || route.scope === "organization") codes.push("not_found");
  if (route.body !== undefined) codes.push("parse_error", "body_too_large", "unsupported_media_type");
  // Of what has no version, too: a condition is never passed over.
  if (!route.reads) codes.push("precondition_failed");
  if (route.status === 201) codes.push("idempotency_key_unanswered", "idempotency_key_reused");
  codes.push(...route.refuses);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { http } = catalogue[code];
    const known = byStatus.get(http);
    if (known === undefined) byStatus.set(http, [code]);
    else known.push(code);
  }
  return new Map([...byStatus].toSorted(([a], [b]) => a - b));
}
