import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { WorkerPlace } from "../config/serve-options.ts";
import type { Settings } from "../config/settings.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { IncomingRequest } from "../model/incoming-request.ts";
import type { Log } from "../model/ports/log.ts";
import type { Peers } from "../model/ports/peers.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import type { Store } from "../model/ports/store.ts";
import { alone } from "../peers/alone.ts";
import { Cluster } from "../peers/cluster.ts";
import type { Envelope } from "../peers/envelope.ts";
import { newPeerId } from "../peers/mark.ts";
import { PeerReceiver } from "../peers/receiver.ts";
import { PeerKey } from "../peers/signature.ts";

/** Beyond a call's own time, for the way there and back. */
const ANSWER_MARGIN_MS = 15_000;
/** Longest path of a Unix socket on Linux, its end included. */
const SOCKET_PATH_MAX = 107;

/** What this process does for the others. */
export interface PeerDuties {
  readonly serve: (envelope: Envelope, signal: AbortSignal) => Promise<Response>;
  readonly metrics: () => Promise<string>;
  readonly standings: (question: string) => string;
}

/** This process's place among the others: none with an embedded store. */
export interface PeerAccess {
  readonly peers: Peers;
  /** Where there are others to be known. */
  readonly cluster: Cluster | undefined;
  receive(act: string, request: IncomingRequest): Promise<Response>;
  /** Opens the ways in and joins the others. */
  join(duties: PeerDuties): Promise<void>;
  leave(): Promise<void>;
}

export interface PeerAccessOptions {
  readonly settings: Settings;
  readonly worker: WorkerPlace | undefined;
  readonly store: Store;
  readonly sealer: Sealer;
  readonly masterKeys: readonly Uint8Array[];
  readonly log: Log;
}

export function peerAccess(options: PeerAccessOptions): PeerAccess {
  const { settings, store, sealer, masterKeys, worker, log } = options;
  if (store.kind === "sqlite") {
    return {
      peers: alone(sealer),
      cluster: undefined,
      receive: () => Promise.reject(new GatewayError("unauthenticated")),
      join: () => Promise.resolve(),
      leave: () => Promise.resolve(),
    };
  }
  const key = new PeerKey(masterKeys);
  const socketPath = worker && join(settings.dataDir, "peers", `${worker.index}.sock`);
  const cluster = new Cluster({
    rows: store.peers,
    sealer,
    key,
    replica: worker?.replica ?? newPeerId(),
    address: settings.cluster.advertiseUrl,
    socketPath,
    log,
    answerMsMax: settings.limits.requestTimeoutMs + ANSWER_MARGIN_MS,
  });
  let receiver: PeerReceiver | undefined;
  let closeSocket = (): void => {};
  return {
    peers: cluster,
    cluster,
    receive: async (act, request) => {
      if (receiver === undefined) throw new GatewayError("unauthenticated");
      return receiver.receive(act, request, { from: "network" });
    },
    join: async ({ serve, metrics, standings }) => {
      const { bodyBytesMax, bodyTimeoutMs } = settings.limits;
      const opened = new PeerReceiver({
        ...{ cluster, key, bodyBytesMax, bodyTimeoutMs },
        ...{ serve, metrics, standings },
      });
      receiver = opened;
      if (socketPath !== undefined) closeSocket = openSocket(socketPath, opened, log);
      await cluster.start();
    },
    leave: async () => {
      await cluster.stop();
      closeSocket();
    },
  };
}

/** The way in for workers of the same replica; its mode keeps other users out, the signature everybody else. */
function openSocket(path: string, receiver: PeerReceiver, log: Log): () => void {
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX) {
    throw new Error(`${path} is too long for a Unix socket: choose a shorter data_dir`);
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const mask = process.umask(0o177);
  try {
    const server = Bun.serve({
      unix: path,
      // The receiver bounds what it reads.
      maxRequestBodySize: Number.POSITIVE_INFINITY,
      fetch: async (request) => {
        try {
          const act = new URL(request.url).pathname.split("/").at(-1) ?? "";
          return await receiver.receive(act, request, {
            from: "socket",
            keepOpen: () => server.timeout(request, 0),
          });
        } catch (thrown) {
          const error = GatewayError.from(thrown);
          if (error.code === "internal") log.error({ err: error.cause }, "a peer's request failed");
          return new Response(null, { status: error.httpStatus });
        }
      },
    });
    return () => {
      void server.stop(true);
      rmSync(path, { force: true });
    };
  } finally {
    process.umask(mask);
  }
}
