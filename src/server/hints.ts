import type { Fleet } from "../gateway/fleet.ts";
import type { PeerMessage, Peers } from "../model/ports/peers.ts";
import type { Identity } from "./identity.ts";
import type { LimitParts } from "./limits.ts";

export interface HintParts {
  readonly limiting: Pick<LimitParts, "readResets" | "ledger">;
  readonly peers: Peers;
  readonly fleet: Fleet;
  readonly identity: Pick<Identity, "claimMappingChanged">;
  /** Looks now for what was written to the store. */
  readonly look: () => Promise<void>;
  /** Streams and sessions, which end where their endpoint is gone or forbidden. */
  readonly open: readonly { recheck(organizations: ReadonlySet<string>): void }[];
}

/** What this process tells the others of its servers, and does when they tell it. Sessions hear for themselves. */
export function followPeers({ peers, fleet, identity, look, open, limiting }: HintParts): void {
  // Many servers announce a change only on the connection of the call that made it.
  fleet.onChange(({ serverId, byServer, tools, prompts, resources }) => {
    if (byServer && (tools || prompts || resources)) void peers.tell({ kind: "lists_changed", serverId });
  });
  fleet.onApplied(({ organizations, claimMappingOf }) => {
    identity.claimMappingChanged(claimMappingOf);
    for (const held of open) held.recheck(organizations);
  });
  peers.onMessage((message: PeerMessage) => {
    switch (message.kind) {
      case "lists_changed":
        return fleet.upstream(message.serverId)?.refreshLists();
      case "store_changed":
        return look();
      case "limits_reset":
        return limiting.readResets();
      case "usage_wanted":
        return limiting.ledger.flush();
    }
  });
}
