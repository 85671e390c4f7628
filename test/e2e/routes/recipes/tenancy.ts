import { nothing, type Recipes } from "../recipe.ts";
import type { Tenant, World } from "../world.ts";

const namespace = async (world: World, tenant: Tenant) => {
  const { id } = await world.done("namespaces-create", tenant, { body: { slug: world.name("space") } });
  return { id } as { readonly id: string };
};
const inNamespace = async (world: World, tenant: Tenant) => ({ params: await namespace(world, tenant) });
const organizationBody = (world: World) => ({ slug: world.name("org"), name: "An organisation" });
const organization = async (world: World, tenant: Tenant) => {
  const { id } = await world.done("organizations-create", tenant, { body: organizationBody(world) });
  return { params: { id: id as string }, key: world.operator };
};

const lastingOrganization = async (world: World, tenant: Tenant) => {
  const { items } = await world.done("organizations-list", tenant, { key: world.operator });
  const { id } = items.find(({ slug }: { slug: string }) => slug === "default");
  return { params: { id: id as string } };
};

export const tenancyRecipes: Recipes = {
  "namespaces-list": { succeed: nothing },
  "namespaces-create": {
    succeed: (world) => ({ body: { slug: world.name("space") } }),
    refuse: { already_exists: () => ({ body: { slug: "default" } }) },
  },
  "namespaces-get": { succeed: inNamespace },
  "namespaces-update": {
    succeed: async (world, tenant) => ({ ...(await inNamespace(world, tenant)), body: { description: "x" } }),
  },
  "namespaces-delete": {
    succeed: inNamespace,
    refuse: {
      conflict: async (world, tenant) => {
        const { items } = await world.done("namespaces-list", tenant);
        const { id } = items.find(({ slug }: { slug: string }) => slug === "default");
        return { params: { id } };
      },
    },
  },
  "namespaces-servers": { succeed: inNamespace },
  "namespaces-sessions": { succeed: inNamespace },
  "organizations-list": { succeed: nothing },
  "organizations-create": {
    succeed: (world) => ({ body: organizationBody(world) }),
    refuse: { already_exists: () => ({ body: { slug: "there", name: "Another" } }) },
  },
  "organizations-get": {
    succeed: async (world, tenant) => ({
      params: { id: (await world.done("profile-get", tenant)).organization_id },
    }),
  },
  "organizations-update": {
    succeed: async (world, tenant) => ({ ...(await organization(world, tenant)), body: { plan: "large" } }),
    refuse: {
      conflict: async (world, tenant) => ({
        ...(await lastingOrganization(world, tenant)),
        body: { active: false },
      }),
    },
  },
  "organizations-delete": { succeed: organization, refuse: { conflict: lastingOrganization } },
};
