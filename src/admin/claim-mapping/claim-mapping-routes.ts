import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { ClaimMapping, ClaimMappingInForce, ClaimMappingRecord } from "../../model/claim-mapping.ts";
import type { IdentityProvider } from "../../model/identity-provider.ts";
import type { IncomingHeaders } from "../../model/incoming-request.ts";
import type { Operation } from "../../model/operation.ts";
import { administersAll } from "../../policy/authorize/act-areas.ts";
import { claimMappingFaults } from "../../policy/authorize/claim-mapping-faults.ts";
import { membersRefused } from "../checked.ts";
import { checkConditions, time, timeOf } from "../fields.ts";
import { checkMappingWithinOwn, exceeds } from "../own-rights.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute, tagged } from "../route.ts";

const ENTRIES_MAX = 1_000;
const SCOPES_MAX = 100;
const KEY_CHARS_MAX = 1_024;

const scopeLists = z
  .record(z.string().min(1).max(KEY_CHARS_MAX), z.array(z.string().max(256)).max(SCOPES_MAX))
  .refine((lists) => Object.keys(lists).length <= ENTRIES_MAX, { error: `at most ${ENTRIES_MAX} entries` });
const members = {
  claims: z
    .array(z.string().min(1).max(256))
    .max(SCOPES_MAX)
    .nullable()
    .describe("Claims whose values are groups; null for those the provider's product is known for."),
  mappings: scopeLists.describe("`claim:value` to the scopes it stands for."),
  permissions: scopeLists.describe(
    "Patterns `server:tool`, or `admin:user_management` for acts of administration, to the scopes that permit them.",
  ),
  options: z.strictObject({
    scope_mode: z
      .enum(["any", "all"])
      .default("any")
      .describe("Whether one of a pattern's scopes is enough."),
    default_scope: z
      .string()
      .max(256)
      .nullable()
      .default(null)
      .describe("Permits what no pattern names; null denies that."),
  }),
};
const replacement = z.strictObject({
  claims: members.claims.default(null),
  mappings: members.mappings.default({}),
  permissions: members.permissions.default({}),
  options: members.options.default({ scope_mode: "any", default_scope: null }),
});
const provider = z.object({
  name: z.string(),
  preset: z.string().describe("The kind of product."),
  issuers: z.array(z.string()).describe("As its tokens spell it."),
  claims: z.array(z.string()).describe("Read where the mapping names none."),
  scope_claims: z.array(z.string()),
  signs_in: z.boolean().describe("People sign in at `/auth/oidc/{name}/start`."),
  creates_users: z.boolean().describe("At the first use of a token."),
});
const claimMapping = z
  .object({
    ...members,
    source: z
      .enum(["organization", "file", "none"])
      .describe("Whose it is; the file's holds where an organisation has none of its own."),
    managed: z.boolean().describe("It comes from the configuration file, and is changed there."),
    providers: z
      .array(provider)
      .describe("Whose tokens may be of the organisation's users; set in the configuration file."),
    created_at: time.nullable(),
    updated_at: time.nullable(),
  })
  .meta({ id: "ClaimMapping" });
type View = Omit<z.output<typeof claimMapping>, "providers">;

function viewOf(
  mapping: ClaimMapping | undefined,
  about: Pick<View, "source" | "managed" | "created_at" | "updated_at">,
): View {
  const lists = (one: ClaimMapping["mappings"] = {}) =>
    Object.fromEntries(Object.entries(one).map(([key, scopes]) => [key, [...scopes]]));
  return {
    claims: mapping?.claims === undefined ? null : [...mapping.claims],
    mappings: lists(mapping?.mappings),
    permissions: lists(mapping?.permissions),
    options: { scope_mode: mapping?.scopeMode ?? "any", default_scope: mapping?.defaultScope ?? null },
    ...about,
  };
}
const storedView = (row: ClaimMappingRecord): View =>
  viewOf(row, {
    ...{ source: "organization", managed: false },
    ...{ created_at: timeOf(row.createdAt), updated_at: timeOf(row.updatedAt) },
  });
function foreignView(mapping: ClaimMappingInForce | undefined): View {
  const source = mapping === undefined ? "none" : "file";
  return viewOf(mapping, {
    ...{ source, managed: mapping?.isManaged === true },
    ...{ created_at: null, updated_at: null },
  });
}

/** @returns the organisation's, if it may be changed here @throws GatewayError `managed_by_file` */
function own(parts: AdminParts, { organizationId }: Operation): string {
  if (parts.organization(organizationId)?.claimMapping?.isManaged === true)
    throw new GatewayError("managed_by_file", { what: "The claim mapping" });
  return organizationId;
}

function providersOf(parts: AdminParts, { organizationId }: Operation): readonly IdentityProvider[] {
  const slug = parts.organization(organizationId)?.slug ?? "";
  return parts
    .providers()
    .filter(({ tenancy }) =>
      "organization" in tenancy ? tenancy.organization === slug : tenancy.allowed.includes(slug),
    );
}
/** With what the organisation's administrators need to know to write one. */
function shown(view: View, providers: readonly IdentityProvider[]): z.output<typeof claimMapping> {
  return {
    ...view,
    providers: providers.map((one) => ({
      ...{ name: one.name, preset: one.preset, issuers: [one.issuer, ...one.otherIssuers] },
      ...{ claims: [...one.groupClaims], scope_claims: [...one.scopeClaims] },
      ...{ signs_in: one.client !== undefined, creates_users: one.jit },
    })),
  };
}

/** @throws GatewayError `invalid_request` where something of it could never match */
function mappingOf(body: z.output<typeof replacement>, providers: readonly IdentityProvider[]): ClaimMapping {
  const { claims, mappings, permissions, options } = body;
  const mapping: ClaimMapping = {
    claims: claims ?? undefined,
    mappings,
    permissions,
    scopeMode: options.scope_mode,
    defaultScope: options.default_scope ?? undefined,
  };
  const ofProducts = [...new Set(providers.flatMap(({ groupClaims }) => groupClaims))];
  const read = mapping.claims ?? (ofProducts.length === 0 ? undefined : ofProducts);
  const [fault] = claimMappingFaults(mapping, read);
  if (fault === undefined) return mapping;
  const { path: place, found, expected, fix } = fault;
  const message = `${found} is not ${expected}${fix === "" ? "" : `; ${fix}`}`;
  throw membersRefused({ path: place.join("."), message });
}

/** Within the write: names what it changes, for the record, and holds the caller to the version it saw. */
function checked(
  operation: Operation,
  headers: IncomingHeaders,
  before: ClaimMappingRecord | undefined,
): void {
  operation.target = `claim_mapping:${operation.organizationId}`;
  operation.before = before && storedView(before);
  if (before !== undefined) checkConditions(headers, before);
  else if (headers.has("if-match")) throw new GatewayError("precondition_failed");
}

const path = "/api/admin/claim-mapping";

export const claimMappingRoutes = [
  defineRoute({
    id: "claim-mapping-get",
    method: "GET",
    path,
    roles: ["admin", "viewer"],
    action: "claim_mapping.get",
    summary: "What claims of identity providers' tokens are worth in the organisation.",
    response: claimMapping,
    handle: async ({ operation, parts }) => {
      const { organizationId } = operation;
      const inForce = parts.organization(organizationId)?.claimMapping;
      const row =
        inForce?.isManaged === true ? undefined : await parts.store.claimMappings.find(organizationId);
      const providers = providersOf(parts, operation);
      const foreign = inForce?.source === "file" ? inForce : undefined;
      if (row === undefined) return { body: shown(foreignView(foreign), providers) };
      return { ...tagged({ updated_at: timeOf(row.updatedAt) }), body: shown(storedView(row), providers) };
    },
  }),
  defineRoute({
    id: "claim-mapping-replace",
    method: "PUT",
    path,
    roles: ["admin"],
    action: "claim_mapping.update",
    summary: "Puts another in its place, as a whole. In force at once, open streams included.",
    body: replacement,
    versioned: true,
    response: claimMapping,
    refuses: ["managed_by_file", "exceeds_creator"],
    handle: async ({ operation, parts, body, headers }) => {
      const providers = providersOf(parts, operation);
      const mapping = mappingOf(body, providers);
      checkMappingWithinOwn(operation.principal, mapping);
      const row = await parts.store.claimMappings.put(own(parts, operation), (before) => {
        checked(operation, headers, before);
        return mapping;
      });
      await parts.refresh();
      const view = storedView(row);
      operation.after = view;
      return { ...tagged({ updated_at: timeOf(row.updatedAt) }), body: shown(view, providers) };
    },
  }),
  defineRoute({
    id: "claim-mapping-delete",
    method: "DELETE",
    path,
    roles: ["admin"],
    action: "claim_mapping.delete",
    summary: "Removes the organisation's own: the file's holds again, or nothing is permitted by claims.",
    status: 204,
    versioned: true,
    refuses: ["managed_by_file", "exceeds_creator"],
    handle: async ({ operation, parts, headers }) => {
      // What holds then is not the caller's to say.
      if (!administersAll(operation.principal)) throw exceeds("whatever the file's mapping permits");
      const organizationId = own(parts, operation);
      const isRemoved = await parts.store.claimMappings.remove(organizationId, (before) =>
        checked(operation, headers, before),
      );
      // There is none to have the version that was named.
      if (!isRemoved) checked(operation, headers, undefined);
      else await parts.refresh();
      return {};
    },
  }),
];
