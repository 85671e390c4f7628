import type { Recipes } from "../recipe.ts";
import { identityRecipes } from "./identities.ts";
import { recordRecipes } from "./records.ts";
import { ruleRecipes } from "./rules.ts";
import { serverRecipes } from "./servers.ts";
import { tenancyRecipes } from "./tenancy.ts";

/** By operation. */
export const recipes: Recipes = {
  ...serverRecipes,
  ...identityRecipes,
  ...tenancyRecipes,
  ...ruleRecipes,
  ...recordRecipes,
};
