import { GatewayError } from "../../../errors/gateway-error.ts";
import type { InputRequests, InputResponses } from "../../../model/call.ts";
import { isObject, type JsonObject, type JsonValue } from "../../../protocol/json-value.ts";
import { RpcCode } from "../../../protocol/jsonrpc.ts";
import type { ConnectionRequest } from "../connection.ts";
import type { Peer } from "./peer.ts";
import type { PendingRequest } from "./pending-request.ts";

/** The client capability that a question of a legacy server needs. */
const CAPABILITY: Readonly<Record<string, string>> = {
  "elicitation/create": "elicitation",
  "sampling/createMessage": "sampling",
  "roots/list": "roots",
};

/**
 * Requests of a legacy server to its client. On a single channel nothing says which call a question belongs to:
 * the only call under way gets it, among several the one started last that can answer and is not being asked already,
 * and without any the session.
 * Nobody else's client is on the channel: a connection that declares capabilities is private to one principal.
 */
export class Questions {
  readonly #peer: Peer;
  readonly #request: ConnectionRequest;
  readonly #openMax: number;
  /** Ids of the server's requests under way, serialised; a withdrawn one is not answered any more. */
  readonly #open = new Set<string>();
  #asked = 0;

  constructor(peer: Peer, request: ConnectionRequest, openMax: number) {
    this.#peer = peer;
    this.#request = request;
    this.#openMax = openMax;
  }

  onRequest(id: JsonValue, method: string, params: JsonObject): void {
    const capability = Object.hasOwn(CAPABILITY, method) ? CAPABILITY[method] : undefined;
    if (capability === undefined || !isObject(this.#request.client.capabilities[capability])) {
      this.#peer.refuse(id, { code: RpcCode.methodNotFound, message: `Method not found: ${method}` });
      return;
    }
    if (this.#open.size >= this.#openMax * Math.max(1, this.#calls())) {
      this.#peer.refuse(id, { code: RpcCode.internalError, message: "Too many questions are open" });
      return;
    }
    void this.#answer(id, method, params, this.#owner(capability));
  }

  /** The server does not want the answer any more (`notifications/cancelled`). */
  withdraw(id: JsonValue | undefined): void {
    if (id !== undefined) this.#open.delete(JSON.stringify(id));
  }

  async #answer(id: JsonValue, method: string, params: JsonObject, owner: PendingRequest | undefined) {
    const name = JSON.stringify(id);
    const key = `q${++this.#asked}`;
    this.#open.add(name);
    try {
      const responses = await this.#peer.whileAsking(owner, () =>
        this.#ask(owner, { [key]: { method, params } }),
      );
      const response = responses[key];
      if (response === undefined)
        throw new GatewayError("internal", {}, { cause: new Error("no answer given") });
      if (this.#open.delete(name)) this.#peer.reply(id, response);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      if (this.#open.delete(name)) this.#peer.refuse(id, { code: error.rpcCode, message: error.message });
    }
  }

  #ask(owner: PendingRequest | undefined, requests: InputRequests): Promise<InputResponses> {
    return owner?.call === undefined ? this.#request.events.onQuestion(requests) : owner.call.ask(requests);
  }

  #calls(): number {
    let calls = 0;
    for (const { call } of this.#peer.pending()) if (call !== undefined) calls++;
    return calls;
  }

  #owner(capability: string): PendingRequest | undefined {
    let calls = 0;
    let last: PendingRequest | undefined;
    let able: PendingRequest | undefined;
    let free: PendingRequest | undefined;
    for (const pending of this.#peer.pending()) {
      if (pending.call === undefined) continue;
      calls++;
      last = pending;
      if (!isObject(pending.call.client.capabilities[capability])) continue;
      able = pending;
      if (!pending.isAsking) free = pending;
    }
    return calls === 1 ? last : (free ?? able);
  }
}
