import type { Era } from "../e2e/upstreams.ts";
import type { Revision } from "./suite.ts";

/** One way through the gateway: which client, which upstream, over what. */
export interface Cell {
  readonly client: Revision;
  readonly upstream: Era;
  readonly transport: "http" | "stdio" | "sse";
}
