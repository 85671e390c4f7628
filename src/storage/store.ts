import { sql } from "kysely";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { Store } from "../model/ports/store.ts";
import { acrossTenants } from "./across-tenants.ts";
import { apiKeyRow, apiKeyStore } from "./api-keys.ts";
import { claimMappingStore } from "./claim-mappings.ts";
import { clientStore } from "./clients.ts";
import { configWrite, countCredentialWrite } from "./config-version.ts";
import type { Engine } from "./engine.ts";
import { externalIdentityStore } from "./external-identities.ts";
import { idempotencyKeyStore } from "./idempotency-keys.ts";
import { leaseStore } from "./leases.ts";
import { namespaceRow, namespaceStore } from "./namespaces.ts";
import { organizationRow, organizationStore } from "./organizations.ts";
import { peerStore } from "./peers.ts";
import { policyStore } from "./policies.ts";
import { rateLimitStore } from "./rate-limits.ts";
import { recordStore } from "./records.ts";
import { serverStore } from "./servers.ts";
import { sessionStore } from "./sessions.ts";
import { settingStore } from "./settings.ts";
import { signInFailureStore } from "./sign-in-failures.ts";
import { signingKeyStore } from "./signing-keys.ts";
import { tokenFamilyStore } from "./token-families.ts";
import { userStore } from "./users.ts";

/** The store port over either engine. */
export function createStore(engine: Engine, sealer: RotatingSealer): Store {
  const { db } = engine;
  const across = acrossTenants(engine, sealer);
  return {
    kind: engine.kind,
    organizations: organizationStore(db),
    namespaces: namespaceStore(engine),
    apiKeys: apiKeyStore(engine),
    users: userStore(engine),
    tokenFamilies: tokenFamilyStore(db),
    signInFailures: signInFailureStore(db),
    externalIdentities: externalIdentityStore(db),
    signingKeys: signingKeyStore(db, sealer),
    clients: clientStore(db, across),
    servers: serverStore(engine, sealer),
    policies: policyStore(engine),
    claimMappings: claimMappingStore(db),
    sessions: sessionStore(engine),
    records: recordStore(engine),
    idempotencyKeys: idempotencyKeyStore(db, sealer),
    rateLimits: rateLimitStore(engine),
    leases: leaseStore(db, engine.fromNow),
    peers: peerStore(db, engine.fromNow),
    settings: settingStore(db, sealer),
    acrossTenants: across,
    bootstrap: ({ organization, namespace, apiKey }) =>
      configWrite(db, organization.id, async (transaction) => {
        await engine.lockMigrations(transaction);
        const found = await transaction.selectFrom("organizations").select("id").limit(1).executeTakeFirst();
        if (found !== undefined) return false;
        await transaction.insertInto("organizations").values(organizationRow(organization)).execute();
        await transaction.insertInto("namespaces").values(namespaceRow(namespace)).execute();
        await transaction.insertInto("apiKeys").values(apiKeyRow(apiKey)).execute();
        await countCredentialWrite(transaction);
        return true;
      }),
    versions: async () => {
      const { configVersion, credentialVersion } = await db
        .selectFrom("configState")
        .select(["configVersion", "credentialVersion"])
        .executeTakeFirstOrThrow();
      return { config: configVersion, credentials: credentialVersion };
    },
    maintain: (now) => engine.partitionLogs(now),
    ping: async () => {
      await sql`select 1`.execute(db);
    },
    close: () => engine.close(),
  };
}
