/** What a `requestState` of ours (2026-07-28, multi round-trip requests) stands for. */
export type Continuation =
  /** A modern server's own state. */
  | { readonly kind: "server"; readonly state: string }
  /** A call that runs on at a legacy server, and the round of questions the client was given last. */
  | { readonly kind: "parked"; readonly callId: string; readonly round: number };
