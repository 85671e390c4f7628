import { GatewayError } from "../errors/gateway-error.ts";
import type { IncomingRequest } from "../model/incoming-request.ts";
import type { PeerMessage } from "../model/ports/peers.ts";
import { readText } from "../net/request-body.ts";
import type { Cluster } from "./cluster.ts";
import { decodeForwarded, type Envelope } from "./envelope.ts";
import { type Act, ANSWER_HEADER } from "./line.ts";
import { digestOf, type PeerKey, ReplayGuard } from "./signature.ts";

const ACTS: ReadonlySet<string> = new Set<Act>(["forward", "tell", "metrics", "standings"]);
/** Principal and headers of a forwarded request, beside its body. */
const HEAD_BYTES_MAX = 256 * 1024;
const UNDER_WAY_MAX = 5_000;

/** What a request came over. */
export interface PeerConnection {
  readonly from: "network" | "socket";
  /** Lifts its idle limit, where it has one, when the sender is known to be a process. */
  keepOpen?(): void;
}

export interface ReceiverOptions {
  readonly cluster: Cluster;
  readonly key: PeerKey;
  readonly bodyBytesMax: number;
  readonly bodyTimeoutMs: number;
  /** Serves a request another process received and admitted. */
  readonly serve: (envelope: Envelope, signal: AbortSignal) => Promise<Response>;
  readonly metrics: () => Promise<string>;
  /** How limits stand that this process counts. */
  readonly standings: (question: string) => string;
}

/**
 * The one way in for other processes. Whoever cannot sign gets what any caller without a credential gets, and costs one
 * HMAC; the body is read only behind a signature that holds.
 */
export class PeerReceiver {
  readonly #options: ReceiverOptions;
  readonly #replays = new ReplayGuard();
  #underWay = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** @throws GatewayError `unauthenticated`, `body_too_large`, `overloaded` */
  async receive(act: string, request: IncomingRequest, connection: PeerConnection): Promise<Response> {
    const authorization = request.headers.get("authorization");
    const signed = ACTS.has(act) ? this.#options.key.verify(act, authorization) : undefined;
    if (signed === undefined) throw new GatewayError("unauthenticated");
    const { bodyBytesMax, bodyTimeoutMs } = this.#options;
    const bytesMax = bodyBytesMax + HEAD_BYTES_MAX;
    if (this.#underWay >= UNDER_WAY_MAX) throw new GatewayError("overloaded");
    this.#underWay++;
    try {
      const body = await readText(request, { bytesMax, timeoutMs: bodyTimeoutMs });
      if (digestOf(body) !== signed.digest) throw new GatewayError("unauthenticated");
      connection.keepOpen?.();
      const { cluster } = this.#options;
      if (signed.target !== cluster.id) {
        // A socket is its owner's; what comes to it for another was for the life of the process before.
        if (connection.from === "socket") return new Response(null, { status: 410 });
        return await this.#passOn(signed.target, act as Act, body, authorization ?? "", request.signal);
      }
      if (!this.#replays.takes(signed, Date.now())) throw new GatewayError("unauthenticated");
      const answer = await this.#answer(act as Act, body, request.signal);
      answer.headers.set(ANSWER_HEADER, cluster.id);
      return answer;
    } finally {
      this.#underWay--;
    }
  }

  async #answer(act: Act, body: string, signal: AbortSignal): Promise<Response> {
    const { cluster, serve, metrics, standings } = this.#options;
    switch (act) {
      case "forward": {
        const answer = await serve(decodeForwarded(body), signal);
        return new Response(answer.body, { status: answer.status, headers: new Headers(answer.headers) });
      }
      case "tell":
        await cluster.hear(JSON.parse(body) as PeerMessage[]);
        return new Response(null, { status: 204 });
      case "metrics":
        return new Response(await metrics());
      case "standings":
        return new Response(standings(body));
    }
  }

  /** Workers share one port: what comes from elsewhere may be for the worker beside this one. Its own signature goes on with it. */
  async #passOn(
    target: string,
    act: Act,
    body: string,
    authorization: string,
    signal: AbortSignal,
  ): Promise<Response> {
    const { cluster } = this.#options;
    const peer = await cluster.directory.lookUp(target);
    const answer =
      peer && cluster.line.sharesReplica(peer)
        ? await cluster.line.pass(peer, act, body, authorization, signal)
        : undefined;
    if (answer === undefined) return new Response(null, { status: 410 });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  }
}
