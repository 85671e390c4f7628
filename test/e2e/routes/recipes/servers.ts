import { nothing, type Recipes } from "../recipe.ts";
import type { Tenant, World } from "../world.ts";

export const SECRET = "a-secret-header-of-a-server";
const body = (world: World) => ({
  name: world.name("server"),
  type: "streamable-http",
  url: world.upstream.url,
  headers: { "x-secret": SECRET },
});
const made = async (world: World, tenant: Tenant) => {
  const { id } = await world.done("servers-create", tenant, { body: body(world) });
  return { id } as { readonly id: string };
};
/** Of the configuration file: the first organisation's. */
const filed = async (world: World) => {
  const { items } = await world.done("servers-list", world.here, { key: world.operator });
  const { id } = items.find(({ name }: { name: string }) => name === "filed");
  return { params: { id: id as string }, key: world.operator };
};

export const serverRecipes: Recipes = {
  "servers-list": { succeed: nothing },
  "servers-create": {
    succeed: (world) => ({ body: body(world) }),
    refuse: {
      already_exists: async (world, tenant) => {
        const one = body(world);
        await world.done("servers-create", tenant, { body: one });
        return { body: one };
      },
      quota_exceeded: (world) => ({ body: body(world), key: world.full.keys.admin }),
    },
  },
  "servers-test": { succeed: (world) => ({ body: body(world) }) },
  "servers-get": { succeed: async (world, tenant) => ({ params: await made(world, tenant) }) },
  "servers-update": {
    succeed: async (world, tenant) => ({ params: await made(world, tenant), body: { description: "x" } }),
    refuse: {
      already_exists: async (world, tenant) => {
        const one = body(world);
        await world.done("servers-create", tenant, { body: one });
        return { params: await made(world, tenant), body: { name: one.name } };
      },
      managed_by_file: async (world) => ({ ...(await filed(world)), body: { description: "x" } }),
    },
  },
  "servers-delete": {
    succeed: async (world, tenant) => ({ params: await made(world, tenant) }),
    refuse: { managed_by_file: filed },
  },
  "servers-test-stored": {
    succeed: async (world, tenant) => ({ params: await made(world, tenant) }),
    refuse: { managed_by_file: filed },
  },
};
