import type { Operation } from "../../model/operation.ts";
import type { Policy } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import { type RouteAnswer, RouteTable, resolveRoutes } from "../../policy/authorize/routes.ts";
import type { AdminParts } from "../parts.ts";
import { annotationsOf } from "./listed-annotations.ts";
import type { TriedCall } from "./policy-trial.ts";

/** Who serves a call that nobody makes. */
export interface Serving {
  /** `null` where a route leads nowhere. */
  readonly servedBy: string | null;
  readonly routedBy: Policy | undefined;
  /** Every route that names caller and server, in order. */
  readonly chain: readonly RouteAnswer[];
}

/** Routes of one organisation, in force or proposed, asked about calls that nobody makes. */
export class RouteTrial {
  readonly #parts: AdminParts;
  readonly #organizationId: string;
  readonly #routing: readonly Policy[];
  readonly #tables = new Map<string, RouteTable>();

  constructor(parts: AdminParts, { organizationId }: Operation, routing: readonly Policy[]) {
    this.#parts = parts;
    this.#organizationId = organizationId;
    this.#routing = routing;
  }

  ask(principal: Principal, { namespaceSlug, server: called }: TriedCall): Serving {
    const chain: RouteAnswer[] = [];
    const id = this.#servers(namespaceSlug).find(({ name }) => name === called)?.id;
    const decided =
      id === undefined
        ? undefined
        : this.#table(namespaceSlug).serving(principal, id, (answer) => chain.push(answer));
    const by = decided?.server.servedBy;
    const servedBy = by === undefined ? called : by.id === undefined ? null : by.name;
    return { servedBy, routedBy: decided?.route.policy, chain };
  }

  /** With the annotations of the tool that would be called. */
  annotated(principal: Principal, call: TriedCall): TriedCall {
    if (this.#routing.length === 0) return call;
    const { servedBy } = this.ask(principal, call);
    if (servedBy === call.server) return call;
    const { namespaceSlug, name } = call;
    const annotations =
      servedBy === null
        ? {}
        : annotationsOf(this.#parts, this.#organizationId, namespaceSlug, servedBy, name);
    return { ...call, annotations };
  }

  #servers(namespaceSlug: string) {
    return this.#parts.organization(this.#organizationId)?.namespacesBySlug.get(namespaceSlug)?.servers ?? [];
  }

  #table(namespaceSlug: string): RouteTable {
    let table = this.#tables.get(namespaceSlug);
    if (table === undefined) {
      const routes = resolveRoutes(this.#routing, namespaceSlug, this.#servers(namespaceSlug));
      table = new RouteTable(routes ?? []);
      this.#tables.set(namespaceSlug, table);
    }
    return table;
  }
}
