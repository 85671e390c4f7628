import { GatewayError } from "../../errors/gateway-error.ts";
import type { Relay, Subscriber, Subscription } from "../../model/ports/relay.ts";
import type { SessionRow } from "./session-row.ts";

/**
 * The resources a session subscribed to, held at their servers by the process that holds the session's own stream, and
 * until there is one by the process that was asked.
 */
export class SessionSubscriptions {
  readonly #relay: Relay;
  readonly #subscriber: Subscriber;
  readonly #row: SessionRow;
  /** Asked after each wait: the stream may be opened, or move, meanwhile. */
  readonly #holdsStream: () => boolean;
  readonly #held = new Map<string, Subscription>();
  /** How often all were let go: what was being subscribed meanwhile is wanted by nobody. */
  #releases = 0;

  /** @param holdsStream whether this process holds the session's own stream now */
  constructor(relay: Relay, subscriber: Subscriber, row: SessionRow, holdsStream: () => boolean) {
    this.#relay = relay;
    this.#subscriber = subscriber;
    this.#row = row;
    this.#holdsStream = holdsStream;
  }

  get size(): number {
    return this.#held.size;
  }

  /**
   * False where nobody owns the resource, or its server takes no subscription.
   * @throws GatewayError `call_cancelled` where all were let go meanwhile
   */
  async add(uri: string): Promise<boolean> {
    if (this.#held.has(uri)) return true;
    const releases = this.#releases;
    const isHeld = await this.#hold(uri);
    if (this.#releases !== releases) throw new GatewayError("call_cancelled");
    if (!isHeld) return false;
    await this.#row.subscribe(uri, true);
    await this.follow();
    return true;
  }

  async remove(uri: string): Promise<void> {
    this.#release(uri);
    await this.#row.subscribe(uri, false);
    // Another's change may have had it taken up again before the row was without it.
    this.#release(uri);
  }

  /**
   * Brings what is held in step with the row; what is being subscribed here and not in it yet is taken up again behind that.
   * A resource that is not there any more is left out.
   */
  async follow(): Promise<void> {
    const { streamAt, subscriptions } = this.#row;
    for (const uri of [...this.#held.keys()]) {
      if (streamAt !== undefined || !subscriptions.has(uri)) this.#release(uri);
    }
    if (!this.#holdsStream()) return;
    const missing = [...subscriptions].filter((uri) => !this.#held.has(uri));
    await Promise.all(missing.map((uri) => this.#hold(uri)));
    // Meanwhile the client may have taken it back, or the stream may have ended.
    for (const uri of missing)
      if (!this.#holdsStream() || !this.#row.subscriptions.has(uri)) this.#release(uri);
  }

  rightsChanged(): void {
    for (const subscription of this.#held.values()) subscription.rightsChanged();
  }

  release(): void {
    this.#releases++;
    for (const uri of [...this.#held.keys()]) this.#release(uri);
  }

  async #hold(uri: string): Promise<boolean> {
    const releases = this.#releases;
    const subscription = await this.#relay.subscribe(this.#subscriber, { resourceSubscriptions: [uri] });
    if (subscription.honoured.resourceSubscriptions === undefined || this.#releases !== releases) {
      subscription.release();
      return false;
    }
    // Of two that subscribed at once one is kept.
    this.#release(uri);
    this.#held.set(uri, subscription);
    return true;
  }

  #release(uri: string): void {
    this.#held.get(uri)?.release();
    this.#held.delete(uri);
  }
}
