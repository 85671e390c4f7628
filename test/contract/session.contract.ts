import { describe, expect, test } from "bun:test";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { id, newSession, tenant } from "./store-fixture.ts";

/** What the store keeps of sessions, and of the processes that share them. */
export function sessionContract(store: () => OperatedStore): void {
  describe("sessions", () => {
    test("change while they run, end once, and everybody can learn of it", async () => {
      const t = await tenant(store());
      const session = newSession(t);
      await store().sessions.create(session);
      expect(await store().sessions.find(t.organizationId, session.id)).toEqual(session);
      const change = {
        logLevel: "debug",
        connectionId: "process-a",
        upstreamSessions: { "srv/key_A": "s1" },
      };
      expect(await store().sessions.update(t.organizationId, session.id, change)).toBe(true);
      await store().acrossTenants.touchSessions([{ id: session.id, at: session.lastActivityAt + 5_000 }]);
      expect(await store().sessions.find(t.organizationId, session.id)).toEqual({
        ...session,
        ...change,
        lastActivityAt: session.lastActivityAt + 5_000,
      });
      const at = Date.now();
      expect(await store().sessions.end(t.organizationId, session.id, "terminated", at)).toBe(true);
      expect(await store().sessions.end(t.organizationId, session.id, "terminated", at + 1)).toBe(false);
      expect(await store().sessions.update(t.organizationId, session.id, change)).toBe(false);
      expect(await store().acrossTenants.sessionsEndedSince(at)).toContain(session.id);
      expect(await store().acrossTenants.sessionsEndedSince(at + 1)).not.toContain(session.id);
    });

    test("subscriptions made and given up at once all count, of an active session", async () => {
      const t = await tenant(store());
      const session = newSession(t);
      await store().sessions.create(session);
      const change = (uri: string, isSubscribed: boolean) =>
        store().sessions.subscribe(t.organizationId, session.id, uri, isSubscribed);
      await Promise.all(["a", "b", "c", "d", "a"].map((uri) => change(uri, true)));
      const subscribed = async () =>
        (await store().sessions.find(t.organizationId, session.id))?.subscriptions.toSorted();
      expect(await subscribed()).toEqual(["a", "b", "c", "d"]);
      await Promise.all(["a", "c", "never"].map((uri) => change(uri, false)));
      expect(await subscribed()).toEqual(["b", "d"]);
      expect(await store().sessions.subscribe(id(), session.id, "b", false)).toBe(false);
      await store().sessions.end(t.organizationId, session.id, "terminated", Date.now());
      expect(await change("e", true)).toBe(false);
    });

    test("of creates at once the organisation's maximum stands, and an idle one gives up its place", async () => {
      const [t, other] = [await tenant(store()), await tenant(store())];
      await store().organizations.update(t.organizationId, { maxSessions: 3 });
      const idle = newSession(t, { lastActivityAt: Date.now() - 360_000 });
      expect(await store().sessions.create(idle)).toBeUndefined();
      const ends = await Promise.allSettled(
        Array.from({ length: 12 }, () => store().sessions.create(newSession(t))),
      );
      const made = ends.filter(({ status }) => status === "fulfilled");
      expect(made).toHaveLength(3);
      expect(made.map((end) => end.status === "fulfilled" && end.value).filter(Boolean)).toEqual([idle.id]);
      for (const end of ends) {
        if (end.status === "rejected") expect(end.reason).toMatchObject({ code: "sessions_exhausted" });
      }
      expect((await store().sessions.find(t.organizationId, idle.id))?.status).toBe("expired");
      const active = (await store().sessions.list(t.organizationId)).filter((one) => one.status === "active");
      expect(await store().sessions.count(t.organizationId)).toBe(active.length);
      expect(await store().sessions.count(id())).toBe(0);
      expect(active).toHaveLength(3);
      await store().sessions.create(newSession(other));
      await store().sessions.end(t.organizationId, active[0]?.id ?? "", "terminated", Date.now());
      expect(await store().sessions.create(newSession(t))).toBeUndefined();
    });

    test("idle ones expire", async () => {
      const t = await tenant(store());
      const [idle, busy] = [newSession(t, { lastActivityAt: 1_000 }), newSession(t)];
      await store().sessions.create(idle);
      await store().sessions.create(busy);
      expect(await store().acrossTenants.expireSessions(2_000, Date.now(), 10)).toEqual([idle.id]);
      expect((await store().sessions.find(t.organizationId, idle.id))?.status).toBe("expired");
      expect((await store().sessions.find(t.organizationId, busy.id))?.status).toBe("active");
    });
  });

  describe("peers", () => {
    test("live as long as they are seen, by the store's clock", async () => {
      const replica = `replica-${id()}`;
      const [here, there] = [
        { id: id(), replica, address: null, socketPath: "/data/peers/0.sock" },
        { id: id(), replica, address: "http://10.0.0.1:8080", socketPath: null },
      ];
      const living = async (withinMs: number) =>
        (await store().peers.living(withinMs)).filter((peer) => peer.replica === replica);
      await store().peers.seen(here);
      await Bun.sleep(60);
      await store().peers.seen(there);
      expect(await living(40)).toEqual([there]);
      await store().peers.seen(here);
      expect(new Set(await living(10_000))).toEqual(new Set([here, there]));
      await store().peers.remove(there.id);
      expect(await living(10_000)).toEqual([here]);
      await store().peers.removeUnseen(10_000);
      expect(await living(10_000)).toEqual([here]);
      await Bun.sleep(20);
      await store().peers.removeUnseen(10);
      expect(await living(10_000)).toEqual([]);
    });
  });
}
