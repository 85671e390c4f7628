import { isLoopbackHost } from "./kinds.ts";
import type { StoreSettings } from "./settings.ts";

const POSTGRES_PORT = "5432";

/**
 * Which store it is, in words that are equal for equal stores and hold no credential: `postgres://host:port/database`, or
 * `sqlite:` and the path.
 */
export function placeOf(store: StoreSettings): string {
  if (store.kind === "sqlite") return `sqlite:${store.path}`;
  if (!URL.canParse(store.url)) return "postgres:";
  const { hostname, port, pathname, searchParams, username } = new URL(store.url);
  const host = searchParams.get("host") ?? hostname;
  const database = pathname.length > 1 ? pathname : `/${username}`;
  return `postgres://${isLoopbackHost(host) ? "localhost" : host}:${port || POSTGRES_PORT}${database}`;
}
