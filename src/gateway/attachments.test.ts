import { expect, test } from "bun:test";
import { longestTurnMs } from "../../test/fixtures/own-time.ts";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import {
  sampleEndpoint,
  sampleNamespace,
  samplePrincipal,
  sampleServer,
  snapshotOf,
} from "../model/sample-exchange.testing.ts";
import type { JsonRpcNotification } from "../protocol/jsonrpc.ts";

const offer = { tools: [] };
const logged = {
  jsonrpc: "2.0",
  method: "notifications/message",
  params: { level: "info", data: "x" },
} as const;

function attachedTo(gateway: InProcessGateway, permissions: string[]) {
  const heard: JsonRpcNotification[] = [];
  const session = {
    principal: samplePrincipal({ permissions, permissionKey: permissions.join() }),
    endpoint: sampleEndpoint(),
    sessionId: "session-1",
    notify: (notification: JsonRpcNotification) => void heard.push(notification),
    ask: () => Promise.resolve({ q: { action: "accept" } }),
  };
  const attachment = gateway.gateway.attachSession(session);
  const permit = (now: string[]) => {
    session.principal = samplePrincipal({ permissions: now, permissionKey: now.join() });
  };
  return { heard, attachment, permit };
}
const listenersOf = (gateway: InProcessGateway, name: string) => [...gateway.upstream(name).sessionListeners];

test("what a server says outside any call is not delivered from the moment it is forbidden, nor asked", async () => {
  await using gateway = new InProcessGateway([{ name: "a", offer }]);
  const { heard, attachment, permit } = attachedTo(gateway, ["a:*"]);
  const [listener] = listenersOf(gateway, "a");
  listener?.notify(logged);
  permit(["b:*"]);
  listener?.notify(logged);
  expect(heard).toEqual([logged]);
  const question = { q: { method: "elicitation/create", params: {} } } as never;
  expect(listener?.ask(question)).rejects.toMatchObject({ code: "client_cannot_answer" });
  attachment.rightsChanged();
  expect(listenersOf(gateway, "a")).toEqual([]);
  permit(["a:*"]);
  attachment.rightsChanged();
  expect(listenersOf(gateway, "a")).toHaveLength(1);
  attachment.release();
  expect(listenersOf(gateway, "a")).toEqual([]);
});

test("a server that is new, or connected anew, is listened to; one that is gone is let go", async () => {
  await using gateway = new InProcessGateway([
    { name: "a", offer },
    { name: "b", offer },
  ]);
  const { attachment } = attachedTo(gateway, ["*"]);
  const former = gateway.upstream("a");
  const servers = [sampleServer("a", { fingerprint: "other" }), sampleServer("c")];
  gateway.fleet.apply(snapshotOf(sampleNamespace(servers)));
  await Bun.sleep(1);
  expect(former.sessionListeners.size).toBe(0);
  expect(["a", "b", "c"].map((name) => listenersOf(gateway, name).length)).toEqual([1, 0, 1]);
  attachment.release();
  expect(["a", "b", "c"].map((name) => listenersOf(gateway, name).length)).toEqual([0, 0, 0]);
});

test("ten thousand sessions are followed without stopping the loop for long", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `s${index}`);
  await using gateway = new InProcessGateway(names.map((name) => ({ name, offer })));
  for (let session = 0; session < 10_000; session++) attachedTo(gateway, ["*"]);
  const longest = await longestTurnMs(async () => {
    gateway.fleet.apply(snapshotOf(sampleNamespace([...names, "new"].map((name) => sampleServer(name)))));
    const end = performance.now() + 60_000;
    while (listenersOf(gateway, "new").length < 10_000 && performance.now() < end) await Bun.sleep(10);
  });
  expect(listenersOf(gateway, "new")).toHaveLength(10_000);
  // Far above what it takes, far below what all at once would.
  expect(longest).toBeLessThan(250);
}, 90_000);
