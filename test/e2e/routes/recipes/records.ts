import { eventually } from "../../child.ts";
import { RawSession } from "../../raw-session.ts";
import { nothing, type Recipes } from "../recipe.ts";
import type { Tenant, World } from "../world.ts";

type Row = { readonly id: string };

/** A session of an older client, in the store. */
const session = async (world: World, tenant: Tenant) => {
  const list = async (): Promise<Row[]> => (await world.done("sessions-list", tenant)).items;
  const known = new Set((await list()).map(({ id }) => id));
  await RawSession.open(world.gateway.mcpUrl(), tenant.keys.user);
  const row = await eventually("the session is stored", async () =>
    (await list()).find(({ id }) => !known.has(id)),
  );
  return { params: { id: row.id } };
};

/** A recorded call. */
const call = (world: World, tenant: Tenant) =>
  world.once(`call of ${tenant.slug}`, async () => {
    const name = world.name("called");
    const body = { name, type: "streamable-http", url: world.upstream.url };
    const { id } = await world.done("servers-create", tenant, { body });
    await eventually("the server is ready", async () => {
      const { status } = await world.done("servers-get", tenant, { params: { id } });
      return status.status === "ready" ? true : undefined;
    });
    const raw = await RawSession.open(world.gateway.mcpUrl(name), tenant.keys.user);
    await raw.request("tools/call", { name: "test_echo", arguments: { nonce: "n" } });
    const row = await eventually("the call is in the store", async () => {
      const { items } = await world.done("logs", tenant, { query: { server: name } });
      return (items as Row[])[0];
    });
    return { params: { id: row.id } };
  });

/** What the second gateway has switched off. */
const page = () => ({
  succeed: nothing,
  refuse: { not_found: (world: World) => ({ origin: world.bare.origin }) },
});

export const recordRecipes: Recipes = {
  "sessions-list": { succeed: nothing },
  "sessions-get": { succeed: session },
  "sessions-end": {
    succeed: session,
    refuse: {
      conflict: async (world, tenant) => {
        const sent = await session(world, tenant);
        await world.done("sessions-end", tenant, sent);
        return sent;
      },
    },
  },
  logs: { succeed: nothing },
  "platform-logs": {
    succeed: () => ({}),
    refuse: {
      conflict: async (world, tenant) => ({
        query: { organization_id: (await world.done("profile-get", tenant)).organization_id },
      }),
    },
  },
  "logs-get": { succeed: call },
  stats: { succeed: nothing },
  openapi: page(),
  docs: page(),
  "docs-file": {
    succeed: () => ({ params: { file: "swagger-ui.css" } }),
    refuse: { not_found: () => ({ params: { file: "package.json" } }) },
  },
  "resource-metadata": page(),
  "resource-metadata-mcp": page(),
  "resource-metadata-namespace-mcp": page(),
  "resource-metadata-namespace-server-mcp": page(),
  "resource-metadata-server-mcp": page(),
  "resource-metadata-server-short": page(),
};
