import type { Continuation } from "../model/continuation.ts";
import type { Exchange } from "../model/exchange.ts";
import type { Peers } from "../model/ports/peers.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import { stringify } from "../protocol/json.ts";

const PURPOSE = "request-state";

type Sealed = readonly [expiresAt: number, binding: string, ...("s" | "p" | string | number)[]];

/**
 * Seals the states clients carry from one request to the next. The seal binds principal, endpoint, server, method and
 * parameters, because several callers may share one credential towards the server and it cannot tell them apart. The state
 * of a parked call begins with the mark of the process that holds it.
 */
export class RequestStates {
  readonly #sealer: Sealer;
  readonly #peers: Pick<Peers, "mark">;
  readonly #now: () => number;

  constructor(sealer: Sealer, peers: Pick<Peers, "mark">, now: () => number) {
    this.#sealer = sealer;
    this.#peers = peers;
    this.#now = now;
  }

  /** @param lifeMs how long the client may take until it comes back */
  seal(exchange: Exchange, state: Continuation, lifeMs: number): string {
    const about = state.kind === "server" ? ["s", state.state] : ["p", state.callId, state.round];
    const text = JSON.stringify([this.#now() + lifeMs, bindingOf(exchange, state.kind), ...about]);
    const sealed = this.#sealer.seal(PURPOSE, text);
    return state.kind === "parked" ? `${this.#peers.mark}.${sealed}` : sealed;
  }

  /** `undefined` for what is not ours, has expired, or belongs to another call. */
  open(exchange: Exchange, presented: string): Continuation | undefined {
    const text = this.#sealer.open(PURPOSE, presented.slice(presented.indexOf(".") + 1));
    if (text === undefined) return undefined;
    const [expiresAt, binding, kind, name, round] = JSON.parse(text) as Sealed;
    const continuation: Continuation =
      kind === "s"
        ? { kind: "server", state: name as string }
        : { kind: "parked", callId: name as string, round: round as number };
    if (expiresAt < this.#now() || binding !== bindingOf(exchange, continuation.kind)) return undefined;
    return continuation;
  }
}

/**
 * What makes a retry the same call: everything but the answers, the state and the request's own `_meta`. A server's state is
 * that server's alone, so that it ends where a route comes to lead to another; a parked call goes on where it began.
 */
function bindingOf(exchange: Exchange, kind: Continuation["kind"]): string {
  const { id, servedBy } = exchange.target?.server ?? {};
  const { requestState: _state, inputResponses: _responses, _meta, ...rest } = exchange.params;
  return Bun.SHA256.hash(
    [
      exchange.principal.id,
      exchange.endpoint.namespaceId,
      servedBy === undefined || kind === "parked" ? id : servedBy.id,
      exchange.method,
      stringify(rest, exchange.exact),
    ].join("\n"),
    "base64",
  );
}
