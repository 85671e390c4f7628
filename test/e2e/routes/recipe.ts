import type { ErrorCode } from "../../../src/errors/catalogue.ts";
import type { Sent, Tenant, World } from "./world.ts";

type Make = (world: World, tenant: Tenant) => Sent | Promise<Sent>;

/** How an operation is made to give each of its answers. What any operation of its shape can give needs no recipe. */
export interface Recipe {
  /** A request that succeeds, as a new one each time; its objects are the tenant's. */
  readonly succeed: Make;
  /** One for each error that the route's `refuses` names. */
  readonly refuse?: Readonly<Partial<Record<ErrorCode, Make>>>;
}
export type Recipes = Readonly<Record<string, Recipe>>;

/** For lists and other routes that take nothing. */
export const nothing = (): Sent => ({});
