import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fleet } from "../../src/gateway/fleet.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import type { ParkedCallLimits } from "../../src/gateway/parked-calls.ts";
import { segmentsOf } from "../../src/journal/chain-dir.ts";
import { FileJournal } from "../../src/journal/file-journal.ts";
import type { Outcome } from "../../src/model/call.ts";
import type { ExchangeInit } from "../../src/model/exchange.ts";
import {
  type Answering,
  InProcessUpstream,
  type Offer,
  said,
  tool,
} from "../../src/model/ports/in-process-upstream.testing.ts";
import type { Journal } from "../../src/model/ports/journal.ts";
import {
  keptLog,
  sampleExchange,
  sampleNamespace,
  sampleServer,
  snapshotOf,
} from "../../src/model/sample-exchange.testing.ts";
import type { ServerDefinition } from "../../src/model/server.ts";
import { alone } from "../../src/peers/alone.ts";
import { PermissionCache } from "../../src/policy/authorize/permission-cache.ts";
import { CallContents, type ContentRules } from "../../src/policy/record/call-contents.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { limitsInProcess } from "./counting.ts";

/** A server behind the gateway under test; without an offer it has not answered yet. */
export interface Served {
  readonly name: string;
  readonly offer?: Offer | undefined;
  readonly answer?: Answering;
  readonly over?: Partial<ServerDefinition>;
}
export interface GatewayOptions {
  readonly requestTimeoutMs?: number;
  readonly separator?: string;
  /** Instead of a journal on disk. */
  readonly journal?: Journal;
  readonly now?: () => number;
  readonly parkedLimits?: Partial<ParkedCallLimits>;
  /** A server's level is in its definition. */
  readonly contents?: Partial<ContentRules>;
}
export interface KeptRecord {
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const masterKey = new Uint8Array(32).fill(7);
/** Any number of them open what each other sealed, as on several replicas with one master key. */
export const sealerOfOneKey = () => createSealer([masterKey]);

/** The data plane with a journal on disk, real policies and servers in this process. */
export class InProcessGateway {
  readonly upstreams = new Map<string, InProcessUpstream>();
  readonly log = keptLog();
  readonly permissions = new PermissionCache();
  readonly fleet: Fleet;
  readonly gateway: Gateway;
  readonly journal: Journal;
  readonly ended: { method: string; status: string; errorCode: string | undefined }[] = [];
  readonly #dir: string | undefined;
  readonly #file: FileJournal | undefined;

  constructor(served: readonly Served[], options: GatewayOptions = {}) {
    if (options.journal === undefined) {
      this.#dir = mkdtempSync(join(tmpdir(), "gateway-test-"));
      this.#file = FileJournal.open({ dir: this.#dir, durability: "standard" });
    }
    this.journal = options.journal ?? (this.#file as FileJournal);
    this.fleet = new Fleet((server) => {
      const one = served.find(({ name }) => name === server.name);
      const offer = one !== undefined && "offer" in one ? one.offer : { tools: [tool("echo")] };
      const upstream = new InProcessUpstream(server, offer, one?.answer ?? said(server.name));
      this.upstreams.set(server.name, upstream);
      return upstream;
    }, this.log);
    this.fleet.apply(
      snapshotOf(
        sampleNamespace(
          served.map(({ name, over }) => sampleServer(name, over)),
          options.separator === undefined ? {} : { separator: options.separator },
        ),
      ),
    );
    this.gateway = new Gateway({
      fleet: this.fleet,
      permissions: this.permissions,
      limits: limitsInProcess(),
      journal: this.journal,
      contents: new CallContents(
        { journal: this.journal, sealer: sealerOfOneKey(), ownSecrets: [] },
        { level: "digest", bytesMax: 65_536, secretNames: [], secretPaths: [], ...options.contents },
      ),
      sealer: sealerOfOneKey(),
      peers: alone(sealerOfOneKey()),
      parkedLimits: {
        callsMax: 2_000,
        callsPerPrincipalMax: 1_500,
        lifeMs: 600_000,
        ...options.parkedLimits,
      },
      log: this.log,
      serverInfo: { name: "mcp-gateway", version: "1.0.0" },
      observer: {
        ended: ({ method }, status, errorCode) => {
          this.ended.push({ method, status, errorCode });
        },
      },
      requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
      now: options.now ?? Date.now,
    });
  }

  upstream(name: string): InProcessUpstream {
    return this.upstreams.get(name) as InProcessUpstream;
  }
  server(name: string): ServerDefinition {
    return this.upstream(name).server;
  }

  async handle(over: Partial<ExchangeInit>): Promise<Outcome> {
    return this.gateway.handle(sampleExchange(over));
  }

  /** Name of the refusal, or `answered`. */
  async verdict(over: Partial<ExchangeInit>): Promise<string> {
    try {
      await this.handle(over);
      return "answered";
    } catch (thrown) {
      return (thrown as { code?: string }).code ?? String(thrown);
    }
  }

  /** The journal's calls, as they stand on disk. */
  records(): KeptRecord[] {
    const journal = this.#file as FileJournal;
    return segmentsOf(join(this.#dir as string, journal.chainId))
      .flatMap(({ path }) => readFileSync(path, "utf8").split("\n"))
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { head: { kind: string }; body: KeptRecord["body"] })
      .map(({ head, body }) => ({ kind: head.kind, body }))
      .filter(({ kind }) => kind.startsWith("call_"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet.close();
    await this.#file?.close();
    if (this.#dir !== undefined) rmSync(this.#dir, { recursive: true, force: true });
  }
}
