import { Cancellation } from "../../../model/cancellation.ts";
import { isObject, type JsonObject, type JsonValue } from "../../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../../protocol/jsonrpc.ts";
import { RpcCode } from "../../../protocol/jsonrpc.ts";
import { backoffMs } from "../backoff.ts";
import type { UpstreamCounters } from "../counters.ts";
import { UpstreamFailure } from "../failure.ts";
import { errorMessage, isErrorBody, notificationOf } from "../message.ts";
import { readStream } from "./answer-stream.ts";
import { type HttpEndpoint, isEventStream } from "./endpoint.ts";

const LISTEN = "subscriptions/listen";
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";
/** A stream that ends sooner than this counts as a failed attempt. */
const STABLE_MS = 5000;

interface ListenerSettings {
  readonly endpoint: HttpEndpoint;
  readonly capabilities: JsonObject;
  readonly headers: string;
  /** `_meta` members of the listen request. */
  readonly meta: string;
  readonly nextId: () => number;
  readonly onNotification: (notification: JsonRpcNotification) => void;
  readonly counters: UpstreamCounters;
  readonly random: () => number;
}

interface Stream {
  readonly id: number;
  readonly cancellation: Cancellation;
  readonly uris: readonly string[];
}

/**
 * The `subscriptions/listen` stream of one modern server (2026-07-28, basic/patterns/subscriptions): `list_changed` of what the server announces and
 * the resources somebody subscribed to. The set of URIs is part of the request, so a change opens a new stream and ends
 * the old one once the new one is acknowledged; nothing falls between the two.
 */
export class Listener {
  readonly #settings: ListenerSettings;
  readonly #uris = new Set<string>();
  /** Resolved or rejected by the acknowledgement of the stream that includes the URI. */
  readonly #waiting = new Map<
    string,
    { resolve: () => void; reject: (failure: UpstreamFailure) => void }[]
  >();
  #current: Stream | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #unsupported = false;
  #closed = false;
  #everOpened = false;

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
  }

  /** Opens the stream where there is anything to listen for. */
  open(): void {
    if (this.#closed || this.#unsupported || !this.#wanted()) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#run();
  }

  /** Resolves when the server acknowledged a stream that includes `uri`. */
  add(uri: string): Promise<void> {
    this.#uris.add(uri);
    return new Promise((resolve, reject) => {
      if (this.#closed || this.#unsupported) return reject(this.#refusal());
      const waiting = this.#waiting.get(uri) ?? [];
      waiting.push({ resolve, reject });
      this.#waiting.set(uri, waiting);
      this.#reopenSoon(10);
    });
  }

  async remove(uri: string): Promise<void> {
    if (!this.#uris.delete(uri) || this.#closed) return;
    if (this.#wanted()) this.#reopenSoon(10);
    else this.#end(this.#current);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#end(this.#current);
    this.#rejectAll();
  }

  #wanted(): boolean {
    return this.#uris.size > 0 || Object.keys(this.#kinds()).length > 0;
  }

  #kinds(): JsonObject {
    const kinds: JsonObject = {};
    for (const [capability, key] of [
      ["tools", "toolsListChanged"],
      ["prompts", "promptsListChanged"],
      ["resources", "resourcesListChanged"],
    ] as const) {
      const announced = this.#settings.capabilities[capability];
      if (isObject(announced) && announced.listChanged === true) kinds[key] = true;
    }
    return kinds;
  }

  #reopenSoon(delayMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.open(), delayMs);
    this.#timer.unref?.();
  }

  async #run(): Promise<void> {
    const { endpoint, counters, random } = this.#settings;
    const previous = this.#current;
    const uris = [...this.#uris];
    const stream: Stream = { id: this.#settings.nextId(), cancellation: new Cancellation(), uris };
    this.#current = stream;
    const startedAt = Date.now();
    try {
      const response = await endpoint.post(
        `${this.#settings.headers}mcp-method: ${LISTEN}\r\n`,
        this.#requestText(stream),
        stream.cancellation,
        endpoint.limits.streamIdleMs,
      );
      if (response.status === 200 && isEventStream(response.header("content-type"))) {
        await readStream(response, endpoint.server, LISTEN, endpoint.limits.resultBytesMax, (message) =>
          this.#message(message.value, stream, previous),
        );
      } else {
        const text = await response.text();
        const error = errorMessage(text, endpoint.server, LISTEN)?.value.error;
        this.#judge(error, response.status);
      }
    } catch {
      // The back-off below is the answer to every failure; calls report the server's condition.
    }
    this.#end(previous);
    if (this.#current !== stream || this.#closed) return;
    this.#current = undefined;
    if (this.#unsupported) return this.#rejectAll();
    if (!this.#wanted()) return;
    this.#failures = Date.now() - startedAt >= STABLE_MS ? 0 : this.#failures + 1;
    counters.streamReopens++;
    // At least a little, so that a server that ends every stream at once is not asked in a loop.
    this.#reopenSoon(20 + backoffMs(this.#failures, 100, 30_000, random));
  }

  /** @returns true when the stream has given its closing result. */
  #message(value: JsonObject, stream: Stream, previous: Stream | undefined): boolean {
    if (value.id === stream.id && value.method === undefined) {
      this.#judge(value.error, 200);
      return true;
    }
    if (value.id !== undefined || typeof value.method !== "string") return false;
    if (value.method === ACKNOWLEDGED) this.#acknowledged(value.params, stream, previous);
    else this.#settings.onNotification(notificationOf(value));
    return false;
  }

  #acknowledged(params: JsonValue | undefined, stream: Stream, previous: Stream | undefined): void {
    this.#end(previous);
    const honoured = isObject(params) && isObject(params.notifications) ? params.notifications : {};
    const list = Array.isArray(honoured.resourceSubscriptions) ? honoured.resourceSubscriptions : [];
    for (const uri of stream.uris) {
      const waiting = this.#waiting.get(uri) ?? [];
      this.#waiting.delete(uri);
      for (const { resolve, reject } of waiting) {
        if (list.includes(uri)) resolve();
        else reject(this.#refusal());
      }
    }
    if (this.#everOpened && previous === undefined) this.#reportGap(stream.uris);
    this.#everOpened = true;
  }

  /** While no stream was open anything may have changed. */
  #reportGap(uris: readonly string[]): void {
    const { onNotification } = this.#settings;
    for (const kind of ["tools", "prompts", "resources"]) {
      if (this.#kinds()[`${kind}ListChanged`])
        onNotification({ jsonrpc: "2.0", method: `notifications/${kind}/list_changed` });
    }
    for (const uri of uris)
      onNotification({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } });
  }

  #judge(error: JsonValue | undefined, status: number): void {
    if (isErrorBody(error) && error.code === RpcCode.methodNotFound) this.#unsupported = true;
    else if (status === 405 || status === 501) this.#unsupported = true;
  }

  #end(stream: Stream | undefined): void {
    stream?.cancellation.cancel("client_gone");
  }

  #rejectAll(): void {
    for (const waiting of this.#waiting.values()) for (const { reject } of waiting) reject(this.#refusal());
    this.#waiting.clear();
  }

  #refusal(): UpstreamFailure {
    return new UpstreamFailure("method_unknown", { method: LISTEN }, { harmless: true });
  }

  #requestText(stream: Stream): string {
    const notifications: JsonObject = this.#kinds();
    if (stream.uris.length > 0) notifications.resourceSubscriptions = [...stream.uris];
    return `{"jsonrpc":"2.0","id":${stream.id},"method":"${LISTEN}","params":{"notifications":${JSON.stringify(notifications)},"_meta":{${this.#settings.meta}}}}`;
  }
}
