import type { Fleet } from "../gateway/fleet.ts";
import type { Peers } from "../model/ports/peers.ts";

export interface HintParts {
  readonly peers: Peers;
  readonly fleet: Fleet;
  /** Looks now for what was written to the store. */
  readonly look: () => Promise<void>;
  /** Streams and sessions, which end where their endpoint is gone or forbidden. */
  readonly open: readonly { recheck(organizations: ReadonlySet<string>): void }[];
}

/** What this process tells the others of its servers, and does when they tell it. Sessions hear for themselves. */
export function followPeers({ peers, fleet, look, open }: HintParts): void {
  // Many servers announce a change only on the connection of the call that made it.
  fleet.onChange(({ serverId, byServer, tools, prompts, resources }) => {
    if (byServer && (tools || prompts || resources)) void peers.tell({ kind: "lists_changed", serverId });
  });
  fleet.onApplied(({ organizations }) => {
    for (const held of open) held.recheck(organizations);
  });
  peers.onMessage((message) => {
    if (message.kind === "lists_changed") fleet.upstream(message.serverId)?.refreshLists();
    return message.kind === "store_changed" ? look() : undefined;
  });
}
