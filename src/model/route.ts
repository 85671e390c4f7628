import type { Policy } from "./policy.ts";
import type { ServerDefinition } from "./server.ts";

/** A policy of the effect `route`, resolved for one server of one namespace. */
export interface Route {
  readonly policy: Policy;
  /** The server as callers name it. */
  readonly called: ServerDefinition;
  /** The settings of the server that serves, under id and name of the called one; the called one itself where it stays. */
  readonly serving: ServerDefinition;
}
