import { GatewayError } from "../errors/gateway-error.ts";
import type { InputRequests } from "../model/call.ts";
import type { SessionAttachment, SessionSubscriber } from "../model/ports/relay.ts";
import type { SessionListener, Upstream } from "../model/ports/upstream.ts";

interface Attached {
  readonly subscriber: SessionSubscriber;
  readonly releases: Map<Upstream, () => void>;
}
/** Which servers a session's principal may see at its endpoint now. */
export interface Sight {
  upstreams(session: Pick<SessionSubscriber, "principal" | "endpoint">): readonly Upstream[];
  sees(session: Pick<SessionSubscriber, "principal" | "endpoint">, upstream: Upstream): boolean;
}

/** Sessions followed in one turn of the loop: ten thousand of them must not stop it. */
const FOLLOWED_AT_ONCE = 200;

/**
 * Legacy sessions, attached to the servers behind their endpoints. A server that is new, connected anew or permitted since
 * is attached too, one that is gone or forbidden let go; at each message it is asked once more, since that follows later.
 */
export class Attachments {
  readonly #sight: Sight;
  readonly #attached = new Set<Attached>();
  #isFollowing = false;
  readonly #changed = new Set<string>();

  constructor(sight: Sight) {
    this.#sight = sight;
  }

  add(subscriber: SessionSubscriber): SessionAttachment {
    const attached: Attached = { subscriber, releases: new Map() };
    this.#attached.add(attached);
    this.#follow(attached);
    return {
      rightsChanged: () => this.#follow(attached),
      release: () => {
        this.#attached.delete(attached);
        for (const release of attached.releases.values()) release();
        attached.releases.clear();
      },
    };
  }

  /** Servers or policies of these are others now. */
  async follow(organizations: ReadonlySet<string>): Promise<void> {
    for (const id of organizations) this.#changed.add(id);
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    try {
      while (this.#changed.size > 0) await this.#followChanged();
    } finally {
      this.#isFollowing = false;
    }
  }

  async #followChanged(): Promise<void> {
    const changed = new Set(this.#changed);
    this.#changed.clear();
    let followed = 0;
    for (const attached of [...this.#attached]) {
      if (!changed.has(attached.subscriber.endpoint.organizationId)) continue;
      if (++followed % FOLLOWED_AT_ONCE === 0) await new Promise(setImmediate);
      this.#follow(attached);
    }
  }

  #follow(attached: Attached): void {
    if (!this.#attached.has(attached)) return;
    const { subscriber, releases } = attached;
    const wanted = new Set(this.#sight.upstreams(subscriber));
    for (const [upstream, release] of releases) {
      if (wanted.has(upstream)) continue;
      release();
      releases.delete(upstream);
    }
    for (const upstream of wanted) {
      if (!releases.has(upstream))
        releases.set(upstream, upstream.listen(this.#listener(subscriber, upstream)));
    }
  }

  #listener(subscriber: SessionSubscriber, upstream: Upstream): SessionListener {
    return {
      principalId: subscriber.principal.id,
      sessionId: subscriber.sessionId,
      notify: (notification) => {
        if (this.#sight.sees(subscriber, upstream)) subscriber.notify(notification);
      },
      ask: (requests: InputRequests) =>
        this.#sight.sees(subscriber, upstream)
          ? subscriber.ask(requests)
          : Promise.reject(
              new GatewayError("client_cannot_answer", {
                capability: Object.values(requests)[0]?.method ?? "input",
              }),
            ),
    };
  }
}
