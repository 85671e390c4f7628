import { nothing, type Recipes } from "../recipe.ts";
import type { Tenant, World } from "../world.ts";

const [FIRST, SECOND] = ["first password 1", "correct horse battery"];

const address = (world: World) => `${world.name("mail")}@example.org`;
const userBody = (world: World) => ({ username: world.name("user"), email: address(world) });
async function user(world: World, tenant: Tenant, over: object = {}) {
  return (await world.done("users-create", tenant, { body: { ...userBody(world), ...over } })) as {
    readonly id: string;
    readonly username: string;
  };
}
async function tokenOf(world: World, tenant: Tenant, username: string, password = FIRST) {
  const body = { organization: tenant.slug, username, password };
  return (await world.done("login", tenant, { body })) as {
    readonly access_token: string;
    readonly refresh_token: string;
  };
}
/** An administrator who has a password of their own. */
export const person = (world: World, tenant: Tenant) =>
  world.once(`person of ${tenant.slug}`, async () => {
    const { id, username } = await user(world, tenant, { password: FIRST, role: "admin" });
    const { access_token: first } = await tokenOf(world, tenant, username);
    const body = { current_password: FIRST, new_password: SECOND };
    await world.done("password", tenant, { key: first, body });
    const { access_token: key } = await tokenOf(world, tenant, username, SECOND);
    return { id, username, key };
  });
const newcomer = async (world: World, tenant: Tenant) => {
  const { username } = await user(world, tenant, { password: FIRST });
  return (await tokenOf(world, tenant, username)).access_token;
};
const changePassword = (over: object = {}) => ({
  body: { current_password: FIRST, new_password: SECOND, ...over },
});

/** Where its maker is a stranger a key is somebody's, or it ends. */
const keyBody = (world: World) => ({
  name: world.name("key"),
  expires_at: new Date(Date.now() + 86_400_000).toISOString(),
});
export async function key(world: World, tenant: Tenant, over: object = {}) {
  return (await world.done("own-keys-create", tenant, { body: { ...keyBody(world), ...over } })) as {
    readonly id: string;
    readonly key: string;
  };
}
const client = (world: World, tenant: Tenant) =>
  key(world, tenant, { type: "a2a", role: "user", permissions: ["filed:*"] });
const oneKey = async (world: World, tenant: Tenant) => ({
  params: { id: (await key(world, tenant)).id },
});
const revokedKey = async (world: World, tenant: Tenant) => {
  const sent = await oneKey(world, tenant);
  await world.done("keys-revoke", tenant, sent);
  return sent;
};
const keySet = {
  keys: [{ kty: "OKP", crv: "Ed25519", kid: "k1", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }],
};
const credentials = { grant_type: "client_credentials" };

const userRecipes: Recipes = {
  "users-list": { succeed: nothing },
  "users-create": {
    succeed: (world) => ({ body: userBody(world) }),
    refuse: {
      already_exists: async (world, tenant) => ({
        body: { username: (await user(world, tenant)).username.toUpperCase() },
      }),
      password_refused: (world) => ({ body: { ...userBody(world), password: "short" } }),
      exceeds_creator: async (world) => ({
        body: { ...userBody(world), role: "admin" },
        key: await world.tokenOf("users"),
      }),
    },
  },
  "users-get": { succeed: async (world, tenant) => ({ params: { id: (await user(world, tenant)).id } }) },
  "users-update": {
    succeed: async (world, tenant) => ({
      params: { id: (await user(world, tenant)).id },
      body: { email: address(world) },
    }),
    refuse: {
      already_exists: async (world, tenant) => ({
        params: { id: (await user(world, tenant)).id },
        body: { username: (await user(world, tenant)).username },
      }),
      password_refused: async (world, tenant) => ({
        params: { id: (await user(world, tenant)).id },
        body: { password: "short" },
      }),
      // Its only administrator who is a person.
      conflict: async (world) => {
        const { id, key: own } = await person(world, world.full);
        return { params: { id }, body: { role: "user" }, key: own };
      },
      exceeds_creator: async (world, tenant) => ({
        ...(await administratorOfTheFirst(world, tenant)),
        body: { password: FIRST },
      }),
    },
  },
  "users-delete": {
    succeed: async (world, tenant) => ({ params: { id: (await user(world, tenant)).id } }),
    refuse: {
      conflict: async (world, tenant) => {
        const own = await person(world, tenant);
        return { params: { id: own.id }, key: own.key };
      },
      exceeds_creator: (world, tenant) => administratorOfTheFirst(world, tenant),
    },
  },
};

/** Of the organisation in which scopes permit something, and who may change everybody but them. */
async function administratorOfTheFirst(world: World, tenant: Tenant) {
  const body = { ...userBody(world), role: "admin" };
  const { id } = await world.done("users-create", tenant, { body, key: world.operator });
  return { params: { id }, key: await world.tokenOf("users") };
}
/** An administrators' application there. */
async function keyOfTheFirst(world: World, tenant: Tenant) {
  const body = { name: world.name("key"), type: "a2a", role: "admin" };
  const { id } = await world.done("own-keys-create", tenant, { body, key: world.operator });
  return { params: { id }, key: await world.tokenOf("keys") };
}

const signInRecipes: Recipes = {
  login: {
    succeed: async (world, tenant) => {
      const { username } = await person(world, tenant);
      return { body: { organization: tenant.slug, username, password: SECOND } };
    },
    refuse: {
      sign_in_required: () => changePassword(),
      invalid_credentials: async (world, tenant) => {
        const { username } = await user(world, tenant, { password: FIRST });
        return { body: { organization: tenant.slug, username, password: "wrong" } };
      },
      too_many_failures: async (world, tenant) => {
        const body = { organization: tenant.slug, username: world.name("nobody"), password: "wrong" };
        const route = world.route("login");
        await Promise.all(Array.from({ length: 10 }, () => world.send(route, tenant, { body })));
        return { body };
      },
    },
  },
  refresh: {
    succeed: async (world, tenant) => {
      const { username } = await person(world, tenant);
      const { refresh_token } = await tokenOf(world, tenant, username, SECOND);
      return { body: { refresh_token } };
    },
    refuse: { invalid_grant: () => ({ body: { refresh_token: "never given" } }) },
  },
  logout: {
    succeed: async (world, tenant) => ({ key: await newcomer(world, tenant) }),
    refuse: { sign_in_required: () => ({}) },
  },
  password: {
    succeed: async (world, tenant) => ({ ...changePassword(), key: await newcomer(world, tenant) }),
    refuse: {
      sign_in_required: () => changePassword(),
      current_password_wrong: async (world, tenant) => ({
        ...changePassword({ current_password: "wrong" }),
        key: await newcomer(world, tenant),
      }),
      password_refused: async (world, tenant) => ({
        ...changePassword({ new_password: "short" }),
        key: await newcomer(world, tenant),
      }),
    },
  },
  "profile-get": { succeed: async (world, tenant) => ({ key: (await person(world, tenant)).key }) },
  "profile-update": {
    succeed: async (world, tenant) => ({
      key: (await person(world, tenant)).key,
      body: { email: address(world) },
    }),
    refuse: {
      sign_in_required: (world) => ({ body: { email: address(world) } }),
      password_change_required: async (world, tenant) => ({
        key: await newcomer(world, tenant),
        body: { email: address(world) },
      }),
      already_exists: async (world, tenant) => ({
        key: (await person(world, tenant)).key,
        body: { username: (await user(world, tenant)).username },
      }),
    },
  },
};

const callback = async (world: World) => {
  const start = await world.send(world.route("oidc-start"), world.here, { params: { provider: "company" } });
  const [cookie = ""] = (start.headers.get("set-cookie") ?? "").split(";");
  const back = await fetch(start.headers.get("location") ?? "", { redirect: "manual" });
  const query = new URL(back.headers.get("location") ?? "").search.slice(1);
  return { params: { provider: "company" }, query, headers: { cookie } };
};
const nowhere = () => ({ params: { provider: "nowhere" } });

const tokenRecipes: Recipes = {
  "a2a-token": {
    succeed: async (world, tenant) => ({
      body: { ...credentials, client_secret: (await client(world, tenant)).key },
    }),
    refuse: {
      invalid_client: () => ({ body: { ...credentials, client_secret: "wrong" } }),
      unsupported_grant_type: () => ({ body: { grant_type: "password" } }),
      invalid_scope: async (world, tenant) => ({
        body: { ...credentials, client_secret: (await client(world, tenant)).key, scope: "other:*" },
      }),
    },
  },
  jwks: { succeed: nothing },
  "oidc-start": {
    succeed: () => ({ params: { provider: "company" } }),
    refuse: { not_found: nowhere, sign_in_failed: () => ({ params: { provider: "away" } }) },
  },
  "oidc-callback": {
    succeed: callback,
    refuse: {
      not_found: nowhere,
      sign_in_failed: () => ({ params: { provider: "company" }, query: { code: "c", state: "forged" } }),
    },
  },
};

const keyRecipes: Recipes = {
  "own-keys-list": { succeed: nothing },
  "own-keys-create": {
    succeed: (world) => ({ body: { ...keyBody(world), permissions: ["filed:*"] } }),
    refuse: {
      exceeds_creator: (world, tenant) => ({
        body: { name: world.name("key"), role: "admin" },
        key: tenant.keys.user,
      }),
    },
  },
  "own-keys-get": { succeed: oneKey },
  "own-keys-revoke": { succeed: oneKey, refuse: { conflict: revokedKey } },
  "own-keys-jwks": {
    succeed: async (world, tenant) => ({ params: { id: (await client(world, tenant)).id }, body: keySet }),
    refuse: {
      conflict: async (world, tenant) => ({ ...(await oneKey(world, tenant)), body: keySet }),
      exceeds_creator: async (world, tenant) => ({ ...(await keyOfTheFirst(world, tenant)), body: keySet }),
    },
  },
  "keys-list": { succeed: nothing },
  "keys-get": { succeed: oneKey },
  "keys-revoke": {
    succeed: oneKey,
    refuse: { conflict: revokedKey, exceeds_creator: (world, tenant) => keyOfTheFirst(world, tenant) },
  },
};

export const identityRecipes: Recipes = {
  ...userRecipes,
  ...signInRecipes,
  ...tokenRecipes,
  ...keyRecipes,
};
