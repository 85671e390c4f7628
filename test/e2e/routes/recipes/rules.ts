import { nothing, type Recipes } from "../recipe.ts";
import type { Tenant, World } from "../world.ts";
import { key } from "./identities.ts";

const policyBody = (world: World) => ({ name: world.name("policy"), effect: "deny", resources: ["none:*"] });
const routeBody = (world: World) => ({
  ...{ name: world.name("route"), effect: "route" },
  ...{ resources: ["none:*"], route: { server: "filed" } },
});
const policy = async (world: World, tenant: Tenant) => {
  const { id, name } = await world.done("policies-create", tenant, { body: policyBody(world) });
  return { params: { id: id as string }, name: name as string };
};
const onePolicy = async (world: World, tenant: Tenant) => ({ params: (await policy(world, tenant)).params });
const ofTheFile = async (world: World, tenant: Tenant, list: string, what: string, as: string) => {
  const { items } = await world.done(list, tenant, { key: as });
  const { id } = items.find(({ name }: { name: string }) => name === what);
  return { params: { id: id as string } };
};
/** The first organisation's. */
const filedPolicy = async (world: World, tenant: Tenant) => ({
  ...(await ofTheFile(world, tenant, "policies-list", "of-the-file", world.operator)),
  key: world.operator,
});
const filedRule = (world: World, tenant: Tenant) =>
  ofTheFile(world, tenant, "rate-limits-list", "worn-out", tenant.keys.admin);

const trialCall = { server: "filed", tool: "test_echo" };
const described = { role: "user", permissions: ["*:*"] };
/** The two routes that ask about somebody who exists. */
const trial = (bodyFor: (principal: object) => object) => ({
  succeed: () => ({ body: bodyFor(described) }),
  refuse: {
    not_found: () => ({ body: bodyFor({ user_id: crypto.randomUUID() }) }),
    conflict: async (world: World, tenant: Tenant) => {
      const { id } = await key(world, tenant);
      await world.done("keys-revoke", tenant, { params: { id } });
      return { body: bodyFor({ key_id: id }) };
    },
  },
});

const policyRecipes: Recipes = {
  "policies-test": trial((principal) => ({ cases: [{ principal, call: trialCall, expect: "allow" }] })),
  "policies-explain": trial((principal) => ({ principal, call: trialCall })),
  "policies-who": { succeed: () => ({ body: { call: trialCall } }) },
  "policies-replay": { succeed: (world) => ({ body: { policies: [policyBody(world)] } }) },
  "policies-list": { succeed: nothing },
  "policies-create": {
    succeed: (world) => ({ body: policyBody(world) }),
    refuse: {
      already_exists: async (world, tenant) => ({
        body: { ...policyBody(world), name: (await policy(world, tenant)).name },
      }),
      managed_by_file: (world) => ({
        body: { ...policyBody(world), name: "of-the-file" },
        key: world.operator,
      }),
      exceeds_creator: async (world) => ({
        body: routeBody(world),
        key: await world.tokenOf("policies"),
      }),
    },
  },
  "policies-get": { succeed: onePolicy },
  "policies-update": {
    succeed: async (world, tenant) => ({ ...(await onePolicy(world, tenant)), body: { description: "x" } }),
    refuse: {
      already_exists: async (world, tenant) => ({
        ...(await onePolicy(world, tenant)),
        body: { name: (await policy(world, tenant)).name },
      }),
      managed_by_file: async (world, tenant) => ({
        ...(await filedPolicy(world, tenant)),
        body: { description: "x" },
      }),
      exceeds_creator: async (world, tenant) => {
        const body = { ...routeBody(world), active: false };
        const { id } = await world.done("policies-create", tenant, { body, key: world.operator });
        return { params: { id }, body: { subjects: ["*"] }, key: await world.tokenOf("policies") };
      },
    },
  },
  "policies-delete": { succeed: onePolicy, refuse: { managed_by_file: filedPolicy } },
};

const ruleBody = (world: World) => ({
  name: world.name("rule"),
  per: ["key"],
  match: { server: ["none"] },
  limit: 3,
  window_seconds: 60,
});
const rule = async (world: World, tenant: Tenant) => {
  const { id, name } = await world.done("rate-limits-create", tenant, { body: ruleBody(world) });
  return { params: { id: id as string }, name: name as string };
};
const oneRule = async (world: World, tenant: Tenant) => ({ params: (await rule(world, tenant)).params });

const rateLimitRecipes: Recipes = {
  "rate-limits-list": { succeed: nothing },
  "rate-limits-create": {
    succeed: (world) => ({ body: ruleBody(world) }),
    refuse: {
      already_exists: async (world, tenant) => ({
        body: { ...ruleBody(world), name: (await rule(world, tenant)).name },
      }),
    },
  },
  "rate-limits-get": { succeed: oneRule },
  "rate-limits-update": {
    succeed: async (world, tenant) => ({ ...(await oneRule(world, tenant)), body: { limit: 4 } }),
    refuse: {
      already_exists: async (world, tenant) => ({
        ...(await oneRule(world, tenant)),
        body: { name: (await rule(world, tenant)).name },
      }),
      managed_by_file: async (world, tenant) => ({
        ...(await filedRule(world, tenant)),
        body: { limit: 4 },
      }),
    },
  },
  "rate-limits-delete": { succeed: oneRule, refuse: { managed_by_file: filedRule } },
  "rate-limits-usage": { succeed: oneRule },
  "rate-limits-reset": {
    succeed: async (world, tenant) => ({ ...(await oneRule(world, tenant)), body: {} }),
  },
};

const mappingBody = { permissions: { "none:*": ["scope:none"] } };
/** The tenant's own, made before it is asked about. */
const ownMapping = async (world: World, tenant: Tenant) => {
  await world.done("claim-mapping-replace", tenant, { body: mappingBody });
  return {};
};
/** The first organisation's. */
const ofTheFirst = (world: World) => ({ key: world.operator });

const claimMappingRecipes: Recipes = {
  "claim-mapping-get": { succeed: ownMapping },
  "claim-mapping-replace": {
    succeed: async (world, tenant) => ({ ...(await ownMapping(world, tenant)), body: mappingBody }),
    refuse: {
      managed_by_file: (world) => ({ ...ofTheFirst(world), body: mappingBody }),
      exceeds_creator: async (world) => ({ key: await world.tokenOf("claims"), body: mappingBody }),
    },
  },
  "claim-mapping-delete": {
    succeed: ownMapping,
    refuse: {
      managed_by_file: ofTheFirst,
      exceeds_creator: async (world) => ({ key: await world.tokenOf("claims") }),
    },
  },
};

export const ruleRecipes: Recipes = { ...policyRecipes, ...rateLimitRecipes, ...claimMappingRecipes };
