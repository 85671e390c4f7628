import type { PeerRecord } from "../model/ports/store.ts";
import type { PeerKey } from "./signature.ts";

/** What one process asks of another. */
export type Act = "forward" | "tell" | "metrics" | "standings";

/** On every answer of the process that was meant; what lacks it came from somebody else, or says that it is gone. */
export const ANSWER_HEADER = "x-mcp-gateway-peer";
export const PEER_PATH = "/cluster/";

/** The ways to other processes: a Unix socket within a replica, HTTP between replicas; every request signed. */
export class PeerLine {
  readonly #key: PeerKey;
  readonly #replica: string;

  constructor(key: PeerKey, replica: string) {
    this.#key = key;
    this.#replica = replica;
  }

  canReach(peer: PeerRecord): boolean {
    return this.#socketOf(peer) !== undefined || peer.address !== null;
  }

  /** Over a socket of the same machine. */
  sharesReplica(peer: PeerRecord): boolean {
    return this.#socketOf(peer) !== undefined;
  }

  /** @returns the answer of the process meant; `undefined` where it cannot be reached, is gone, or did not take the request. */
  async send(peer: PeerRecord, act: Act, body: string, signal: AbortSignal): Promise<Response | undefined> {
    return this.pass(peer, act, body, this.#key.sign(act, peer.id, body, Date.now()), signal);
  }

  /** The same with a signature that was made elsewhere. */
  async pass(
    peer: PeerRecord,
    act: Act,
    body: string,
    authorization: string,
    signal: AbortSignal,
  ): Promise<Response | undefined> {
    const unix = this.#socketOf(peer);
    if (unix === undefined && peer.address === null) return undefined;
    const base = unix === undefined ? (peer.address as string).replace(/\/+$/, "") : "http://peer";
    try {
      const answer = await fetch(`${base}${PEER_PATH}${act}`, {
        method: "POST",
        headers: { authorization, "content-type": "application/octet-stream" },
        body,
        signal,
        redirect: "manual",
        // How long an answer may take is the caller's to say.
        timeout: false,
        ...(unix !== undefined && { unix }),
      } as RequestInit);
      if (answer.headers.get(ANSWER_HEADER) === peer.id) return answer;
      void answer.body?.cancel();
    } catch {
      // Refused, reset, or given up: for the caller the process is gone.
    }
    return undefined;
  }

  #socketOf(peer: PeerRecord): string | undefined {
    return peer.replica === this.#replica && peer.socketPath !== null ? peer.socketPath : undefined;
  }
}
