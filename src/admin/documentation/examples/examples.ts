import type { Examples } from "./example.ts";
import { identityExamples } from "./identities.ts";
import { recordExamples } from "./records.ts";
import { ruleExamples } from "./rules.ts";
import { serverExamples } from "./servers.ts";
import { tenancyExamples } from "./tenancy.ts";

/** By operation. */
export const examples: Examples = {
  ...serverExamples,
  ...identityExamples,
  ...tenancyExamples,
  ...ruleExamples,
  ...recordExamples,
};
