import { keyRoutes } from "./api-keys/key-routes.ts";
import { oidcRoutes } from "./auth/oidc-routes.ts";
import { resourceMetadataRoutes } from "./auth/resource-metadata-routes.ts";
import { signInRoutes } from "./auth/sign-in-routes.ts";
import { tokenRoutes } from "./auth/token-routes.ts";
import { claimMappingRoutes } from "./claim-mapping/claim-mapping-routes.ts";
import { documentationRoutes } from "./documentation/documentation-routes.ts";
import { logRoutes } from "./logs/log-routes.ts";
import { inNamedOrganization } from "./named-organization.ts";
import { namespaceRoutes } from "./namespaces/namespace-routes.ts";
import { organizationRoutes } from "./organizations/organization-routes.ts";
import { policyExplainRoutes } from "./policies/policy-explain-routes.ts";
import { policyReplayRoutes } from "./policies/policy-replay-routes.ts";
import { policyRoutes } from "./policies/policy-routes.ts";
import { policyTrialRoutes } from "./policies/policy-trial-routes.ts";
import { rateLimitRoutes } from "./rate-limits/rate-limit-routes.ts";
import { rateLimitUsageRoutes } from "./rate-limits/rate-limit-usage-routes.ts";
import type { AdminRoute } from "./route.ts";
import { serverRoutes } from "./servers/server-routes.ts";
import { sessionRoutes } from "./sessions/session-routes.ts";
import { userRoutes } from "./users/user-routes.ts";

/** Every route of the control plane; the manifest (`server/routes.ts`) and the OpenAPI document are made of it. */
export const adminRoutes: readonly AdminRoute[] = [
  ...serverRoutes,
  ...signInRoutes,
  ...tokenRoutes,
  ...oidcRoutes,
  ...resourceMetadataRoutes,
  ...keyRoutes,
  ...userRoutes,
  ...policyTrialRoutes,
  ...policyExplainRoutes,
  ...policyReplayRoutes,
  ...policyRoutes,
  ...claimMappingRoutes,
  ...namespaceRoutes,
  ...organizationRoutes,
  ...sessionRoutes,
  ...rateLimitRoutes,
  ...rateLimitUsageRoutes,
  ...logRoutes,
  ...documentationRoutes,
].map(inNamedOrganization);
