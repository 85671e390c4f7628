import { GatewayError } from "../../errors/gateway-error.ts";
import { lackingCapability } from "../../model/asked-capability.ts";
import type { InputRequest, InputRequests, InputResponses } from "../../model/call.ts";
import type { Cancellation } from "../../model/cancellation.ts";
import { stringifyExact } from "../../protocol/json-exact.ts";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import type { JsonRpcErrorBody, RequestId } from "../../protocol/jsonrpc.ts";
import { ownedId } from "./owned-id.ts";

/** How long a person may take to answer. */
const QUESTION_LIFE_MS = 10 * 60_000;
const QUESTIONS_MAX = 32;

/** A way to put a message on a stream the client reads; false where it has none. */
export type SendMessage = (message: string) => boolean;

interface PendingQuestion {
  /** The call it was asked for; undefined for one outside any call. */
  readonly call: Cancellation | undefined;
  readonly send: SendMessage;
  readonly resolve: (result: JsonValue) => void;
  readonly reject: (error: GatewayError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** What a legacy session's client was asked and has not answered yet. */
export class SessionQuestions {
  readonly #mark: string;
  readonly #capabilities: JsonObject;
  readonly #pending = new Map<string, PendingQuestion>();
  #next = 1;

  /** @param mark leads the client's answers back to this process */
  constructor(mark: string, capabilities: JsonObject) {
    this.#mark = mark;
    this.#capabilities = capabilities;
  }

  get size(): number {
    return this.#pending.size;
  }

  /**
   * Puts each question to the client as a request of ours and waits for all the answers. Where one fails, or the call ends,
   * the others are withdrawn: nobody would use their answers.
   * @throws GatewayError `client_cannot_answer`; `client_refused` with the client's own error as `data.error`
   */
  async ask(
    requests: InputRequests,
    send: SendMessage,
    call: Cancellation | undefined,
  ): Promise<InputResponses> {
    for (const request of Object.values(requests)) {
      const capability = lackingCapability(request, this.#capabilities);
      if (capability !== undefined) throw new GatewayError("client_cannot_answer", { capability });
    }
    if (call?.cancelled === true) throw new GatewayError("call_cancelled");
    const asked: string[] = [];
    const forget = call?.onCancel((reason) =>
      this.end(call, new GatewayError(reason === "shutdown" ? "call_interrupted" : "call_cancelled")),
    );
    try {
      const answers = await Promise.all(
        Object.entries(requests).map(async ([key, request]): Promise<[string, JsonValue]> => {
          const id = ownedId(this.#mark, `ask-${this.#next++}`);
          asked.push(id);
          return [key, await this.#askOne(id, request, send, call)];
        }),
      );
      return Object.fromEntries(answers);
    } finally {
      forget?.();
      for (const id of asked) this.#withdraw(id);
    }
  }

  /** An answer of the client; unknown ids are ignored, they may be late. */
  answer(id: RequestId, result: JsonValue | undefined, error: JsonRpcErrorBody | undefined): void {
    const question = this.#take(String(id));
    if (question === undefined) return;
    if (error === undefined) question.resolve(result ?? {});
    else question.reject(new GatewayError("client_refused", {}, { data: { error } }));
  }

  /** The call is over: what was asked for it is withdrawn at the client. */
  end(call: Cancellation, error = new GatewayError("call_lost")): void {
    for (const [id, question] of this.#pending) {
      if (question.call !== call) continue;
      this.#withdraw(id);
      question.reject(error);
    }
  }

  /** The session is over, and with it every way to tell the client. */
  close(): void {
    for (const question of this.#pending.values()) {
      clearTimeout(question.timer);
      question.reject(new GatewayError("call_interrupted"));
    }
    this.#pending.clear();
  }

  #askOne(
    id: string,
    request: InputRequest,
    send: SendMessage,
    call: Cancellation | undefined,
  ): Promise<JsonValue> {
    if (this.#pending.size >= QUESTIONS_MAX) throw new GatewayError("overloaded");
    const { promise, resolve, reject } = Promise.withResolvers<JsonValue>();
    const timer = setTimeout(() => {
      this.#withdraw(id);
      reject(new GatewayError("deadline_exceeded", { seconds: QUESTION_LIFE_MS / 1000 }));
    }, QUESTION_LIFE_MS);
    this.#pending.set(id, { call, send, resolve, reject, timer });
    const message = { jsonrpc: "2.0", id, method: request.method, params: legacyParams(id, request) };
    if (!send(stringifyExact(message as unknown as JsonValue))) {
      this.#take(id);
      throw new GatewayError("client_cannot_answer", { capability: request.method });
    }
    return promise;
  }

  #withdraw(id: string): void {
    const question = this.#take(id);
    question?.send(
      stringifyExact({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }),
    );
  }

  #take(id: string): PendingQuestion | undefined {
    const question = this.#pending.get(id);
    if (question === undefined) return undefined;
    this.#pending.delete(id);
    clearTimeout(question.timer);
    return question;
  }
}

/** 2025-11-25 wants an id of every URL elicitation; 2026-07-28 has none. */
function legacyParams(id: string, { method, params }: InputRequest): JsonObject {
  return method === "elicitation/create" && params.mode === "url" && params.elicitationId === undefined
    ? { ...params, elicitationId: id }
    : params;
}
