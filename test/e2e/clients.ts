import type { ClientKind, ConnectOptions, Peer, Target } from "./peer.ts";
import { connectSdk1 } from "./peer-sdk1.ts";
import { connectSdk2 } from "./peer-sdk2.ts";

export { inspect } from "./inspector.ts";
export { type ClientKind, clientKinds, legacyKinds, modernKinds, type Peer, type Target } from "./peer.ts";

/** An official client of that kind, connected to `target` with every capability unless `options` say otherwise. */
export function connect(kind: ClientKind, target: Target, options: ConnectOptions = {}): Promise<Peer> {
  return kind === "sdk1-legacy" ? connectSdk1(target, options) : connectSdk2(kind, target, options);
}
