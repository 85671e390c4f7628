import type { Peers } from "../model/ports/peers.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import { Marks, newPeerId } from "./mark.ts";

/** The only process there is. Marks still tell its life from former ones, whose streams and questions are gone. */
export function alone(sealer: Sealer): Peers {
  const id = newPeerId();
  const marks = new Marks(sealer, id);
  return {
    id,
    mark: marks.own,
    ownerOf: (mark) => marks.ownerOf(mark),
    lives: (peerId) => peerId === id,
    forward: () => Promise.resolve(undefined),
    tell: () => Promise.resolve(),
    onMessage: () => () => {},
  };
}
