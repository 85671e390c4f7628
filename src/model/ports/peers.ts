import type { Principal } from "../principal.ts";

/**
 * What a process tells the others. Each is a hint: whatever it says can be read from the store too, a little later, so
 * that a message nobody got delays something and breaks nothing.
 */
export type PeerMessage =
  /** Its row changed: log level, subscriptions, or who holds its stream. */
  | { readonly kind: "session_changed"; readonly sessionId: string }
  | { readonly kind: "session_ended"; readonly sessionId: string }
  /** The client gave up a request, by the text of its id; whoever runs it stops. */
  | { readonly kind: "request_cancelled"; readonly sessionId: string; readonly requestId: string }
  /** The client's roots are others now: sessions with servers that are this client's alone are told. */
  | { readonly kind: "roots_changed"; readonly sessionId: string }
  /** A JSON-RPC message for the session's own stream, to the process that holds it. */
  | {
      readonly kind: "session_message";
      readonly sessionId: string;
      readonly message: string;
      readonly droppable: boolean;
    }
  /** A server said that its lists changed, perhaps on the one connection of the sender. */
  | { readonly kind: "lists_changed"; readonly serverId: string }
  /** Configuration or credentials were written: read the versions now. */
  | { readonly kind: "store_changed" }
  /** What was counted of a limit is to be forgotten: read which now. */
  | { readonly kind: "limits_reset" }
  /** Somebody looks at the usage of limits: write what was counted now. */
  | { readonly kind: "usage_wanted" }
  /** A process has begun. */
  | { readonly kind: "began"; readonly peerId: string };

/** A client's request past the door of the process that got it, for the process that holds what it is about. */
export interface ForwardedRequest {
  readonly method: string;
  /** The endpoint's path as the client wrote it. */
  readonly path: string;
  /** Lower-case names; without the credential, which was decided already. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly principal: Principal;
  readonly correlationId: string;
  readonly clientAddress: string;
  /** Ends the forwarding when the client is gone. */
  readonly signal: AbortSignal;
}

/**
 * The other processes of this installation: workers on one port, replicas behind one balancer. A call under way, an open
 * stream and a pending question live in one process; ids given out for them carry that process's mark, so that a request
 * which arrives elsewhere finds its owner.
 */
export interface Peers {
  /** This life of this process: short, random, never used again. For what is sealed as a whole. */
  readonly id: string;
  /** `id`, sealed: for ids that go out as they are. Letters of base64url. */
  readonly mark: string;
  /** The process a mark stands for, living or dead; `undefined` for anything that is no mark of this installation. */
  ownerOf(mark: string): string | undefined;
  /** As far as this process knows, a second or two late. */
  lives(peerId: string): boolean;
  /**
   * Has the owner serve a request; its answer streams through. `undefined` where the owner does not live, cannot be
   * reached, or went away before its answer's head: it may have begun, so nothing is tried twice.
   * @throws GatewayError `overloaded` past the bound on forwarded requests.
   */
  forward(ownerId: string, request: ForwardedRequest): Promise<Response | undefined>;
  /** Tells one process or all others; resolves when those that live have taken note, after a second at most. Never rejects. */
  tell(message: PeerMessage, peerId?: string): Promise<void>;
  /** Hears what others tell. A promise holds up the teller, a second at most. */
  onMessage(listener: (message: PeerMessage) => void | Promise<void>): () => void;
}
