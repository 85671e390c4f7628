import { afterAll, beforeAll, describe, test } from "bun:test";
import { eventually } from "./child.ts";
import { connect } from "./clients.ts";
import { actsAt, serversOfSeveralProcesses as servers } from "./era-matrix.ts";
import { interplay, WATCHED } from "./interplay.ts";
import { type Processes, startReplicas, startWorkers } from "./processes.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

// The matrix once more, where each request may reach another process than the one before. A server over stdio is a child of
// one process, so what a test changes in it another process does not see: those are left to foreign-peers.test.ts.

const TIMEOUT_MS = 30_000;
const SUBSCRIBERS = 60;

describe.each([
  ["two workers", startWorkers],
  ["two replicas", startReplicas],
])("%s", (_name, start) => {
  let upstreams: Upstream[];
  let processes: Processes | undefined;

  beforeAll(async () => {
    const [legacy, sse, modern] = await Promise.all([
      startFixture("legacy"),
      startFixture("legacy", "sse"),
      startFixture("modern"),
    ]);
    upstreams = [legacy, sse, modern];
    processes = await start({
      servers: [
        fixtureEntry("legacy", legacy, "streamable-http"),
        fixtureEntry("legacy-sse", sse, "sse"),
        fixtureEntry("modern", modern, "streamable-http"),
      ],
    });
    if (processes === undefined) throw new Error("several processes need PostgreSQL: npm test brings it");
    const { metric } = processes;
    await eventually("all know each other and the servers", async () => {
      const [peers, up] = [await metric("mcp_gateway_peers"), await metric("mcp_gateway_upstream_up")];
      return peers === 2 && up === 2 * servers.length ? true : undefined;
    });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await processes?.stop();
    await Promise.all(upstreams.map((upstream) => upstream.stop()));
  }, TIMEOUT_MS);

  test(
    "sessions that subscribe while their streams are opened hear of updates",
    async () => {
      const url = (processes as Processes).mcpUrl("legacy");
      for (let index = 0; index < SUBSCRIBERS; index++) {
        await using peer = await connect("sdk1-legacy", url);
        await peer.subscribe([WATCHED]);
        // The stream may reach its process after the first update did.
        await eventually("told of the resource", async () => {
          await peer.call("test_trigger_resource_update", {});
          await Bun.sleep(20);
          return peer.heard.changes.includes(WATCHED) ? true : undefined;
        });
      }
    },
    TIMEOUT_MS,
  );

  for (const kind of ["sdk1-legacy", "sdk2-modern"] as const) {
    for (const server of servers) {
      for (const act of actsAt(server)) {
        test(
          `${kind} > ${server.name}: ${act}`,
          async () => {
            await using peer = await connect(kind, (processes as Processes).mcpUrl(server.name));
            // Each process reads a server's lists by itself: another one may be a moment behind.
            if (act === "hearsListChanges") await interplay.hearsListChanges(peer, "soon");
            else if (act === "hearsResourceUpdates") await interplay.hearsResourceUpdates(peer, "a later");
            else await interplay[act](peer);
          },
          TIMEOUT_MS,
        );
      }
    }
  }
});
