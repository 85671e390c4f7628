import { tenancy } from "./0001-tenancy.ts";
import { servers } from "./0002-servers.ts";
import { rules } from "./0003-rules.ts";
import { sessions } from "./0004-sessions.ts";
import { records } from "./0005-records.ts";
import { administration } from "./0006-administration.ts";
import { identities } from "./0007-identities.ts";
import { limits } from "./0009-limits.ts";
import { peers } from "./0010-peers.ts";
import { contents } from "./0012-contents.ts";
import { limitResets } from "./0015-limit-resets.ts";
import { signInFailures } from "./0017-sign-in-failures.ts";
import { claimMappings } from "./0018-claim-mappings.ts";
import { routing } from "./0019-routing.ts";
import { packedRecords } from "./0020-packed-records.ts";
import { events } from "./0021-events.ts";
import type { Migration } from "./migration.ts";

/** In order of application. */
export const migrations: readonly Migration[] = [
  tenancy,
  servers,
  rules,
  sessions,
  records,
  administration,
  identities,
  limits,
  peers,
  contents,
  limitResets,
  signInFailures,
  claimMappings,
  routing,
  packedRecords,
  events,
];
