import { beforeAll, describe, expect, test } from "bun:test";
import type { RecordSink } from "../../src/model/ports/record-sink.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { expireRecords } from "../../src/server/retention.ts";
import { Chain, tenant } from "./store-fixture.ts";

/** How every store takes what the journal drains, and lets go of it. */
export function recordContract(of: () => { readonly store: OperatedStore; readonly sink: RecordSink }): void {
  describe("records", () => {
    let store: OperatedStore;
    let sink: RecordSink;
    beforeAll(() => {
      ({ store, sink } = of());
    });

    test("a batch written twice is there once, every field as it was", async () => {
      const t = await tenant(store);
      const chain = new Chain();
      const [whole, begun, later] = [chain.call(t), chain.call(t), chain.call(t)];
      const end = chain.end(whole);
      const batch = [
        { ...whole, end: end.end, endLink: end.link },
        begun,
        later,
        chain.audit(t.organizationId),
        chain.checkpoint(),
      ];
      await sink.write(batch);
      await sink.write(batch);
      const laterEnd = chain.end(later);
      await sink.write([laterEnd]);
      await sink.write([{ ...laterEnd, end: { ...laterEnd.end, status: "error" } }]);
      const byId = new Map(
        (await store.records.requests(t.organizationId)).map((entry) => [entry.id, entry]),
      );
      expect(byId.size).toBe(3);
      expect(byId.get(whole.id)).toMatchObject({ call: whole.call, end: end.end, endLink: end.link });
      expect(byId.get(begun.id)).toMatchObject({ link: begun.link, end: undefined, endLink: undefined });
      expect(byId.get(later.id)).toMatchObject({ end: laterEnd.end, endLink: laterEnd.link });
      const [audit] = await store.records.audits(t.organizationId);
      expect(audit?.audit?.detailJson).toBe('{"b":1,"a":1.0}');
      const records = await store.records.chain(chain.chainId, 0, 100);
      expect(records.map(({ link }) => link.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(records[0]).toEqual({ link: whole.link, content: whole });
      expect(records[3]).toEqual({ link: end.link, content: end });
      expect(records[5]?.content).toMatchObject({ row: "checkpoint", checkpoint: { atSequence: 5 } });
      expect((await store.records.chain(chain.chainId, 2, 2)).map(({ link }) => link.sequence)).toEqual([
        3, 4,
      ]);
      const head = (await store.records.heads()).find(({ chainId }) => chainId === chain.chainId);
      expect(head).toMatchObject({ sequence: 7, link: laterEnd.link.link });
    });

    test("what the store will never take is refused as such and the rest of the batch undone", async () => {
      const t = await tenant(store);
      const chain = new Chain();
      const good = chain.call(t);
      const orphan = chain.end(chain.call(t));
      const refused = await sink.write([good, orphan]).then(
        () => undefined,
        (thrown: Error) => thrown.name,
      );
      expect(refused).toBe("RecordsRefused");
      expect(await store.records.requests(t.organizationId)).toEqual([]);
      await sink.write([good]);
      expect(await store.records.requests(t.organizationId)).toHaveLength(1);
    });

    test("an expired payload leaves its link", async () => {
      const t = await tenant(store);
      const chain = new Chain();
      const old = chain.call(t, Date.now() - 10 * 86_400_000);
      const oldEnd = chain.end(old);
      const recent = chain.call(t);
      await sink.write([{ ...old, end: oldEnd.end, endLink: oldEnd.link }, recent]);
      expect(await store.records.expirePayloads(t.organizationId, Date.now() - 86_400_000, 100)).toBe(1);
      expect(await store.records.expirePayloads(t.organizationId, Date.now() - 86_400_000, 100)).toBe(0);
      const [first, second] = await store.records.chain(chain.chainId, 0, 10);
      expect(first).toEqual({ link: { ...old.link, salt: undefined }, content: undefined });
      expect(second).toEqual({ link: { ...oldEnd.link, salt: undefined }, content: undefined });
      const entries = await store.records.requests(t.organizationId, { from: Date.now() - 86_400_000 });
      expect(entries.map((entry) => entry.id)).toEqual([recent.id]);
    });

    test("records expire batch by batch, each once; those that come late, within a day", async () => {
      const DAY_MS = 86_400_000;
      const t = await tenant(store);
      const chain = new Chain();
      const now = Date.now();
      const at = (days: number) => now - days * DAY_MS;
      await sink.write(Array.from({ length: 12 }, (_, n) => chain.call(t, at(10) + Math.floor(n / 5))));
      await sink.write([chain.call(t, at(1))]);
      const expire = (before: number) => store.records.expirePayloads(t.organizationId, before, 5);
      const counts = [await expire(at(2)), await expire(at(2)), await expire(at(2)), await expire(at(2))];
      expect(counts).toEqual([5, 5, 2, 0]);
      await sink.write([chain.call(t, at(9))]);
      expect(await expire(at(2) + 1)).toBe(0);
      expect(await expire(at(1))).toBe(1);
      expect(await expire(at(3))).toBe(0);
      expect(await expire(now)).toBe(1);
      const kept = (await store.records.requests(t.organizationId)).filter(({ call }) => call !== undefined);
      expect(kept).toEqual([]);
    });

    test("each organisation's records are kept as long as it says, and a removed one's not for ever", async () => {
      const DAY_MS = 86_400_000;
      const [long, short, gone] = [await tenant(store), await tenant(store), await tenant(store)];
      await store.organizations.update(long.organizationId, { logRetentionDays: 30 });
      await store.organizations.update(short.organizationId, { logRetentionDays: 2 });
      const chain = new Chain();
      const days = [1, 3, 10, 40].map((days) => Date.now() - days * DAY_MS);
      const calls = [long, short, gone].flatMap((t) => days.map((at) => chain.call(t, at)));
      await sink.write(calls);
      const own = new Chain();
      const events = days.map((time) => {
        const event = own.audit("");
        return { ...event, link: { ...event.link, time } } as typeof event;
      });
      await sink.write(events);
      await store.organizations.remove(gone.organizationId);
      expect(await store.acrossTenants.organizationsRemoved()).toEqual([gone.organizationId]);
      expect(await expireRecords(store, Date.now(), 5 * DAY_MS, () => false)).toBe(0);
      await expireRecords(store, Date.now(), 5 * DAY_MS, () => true);
      const kept = async ({ organizationId }: { organizationId: string }) =>
        (await store.records.requests(organizationId)).map(({ call }) => call !== undefined);
      expect(await kept(long)).toEqual([true, true, true, false]);
      expect(await kept(short)).toEqual([true, false, false, false]);
      expect(await kept(gone)).toEqual([true, true, false, false]);
      const ownKept = (await store.records.chain(own.chainId, 0, 10)).map(
        ({ content }) => content !== undefined,
      );
      expect(ownKept).toEqual([true, true, false, false]);
      expect(await expireRecords(store, Date.now(), 5 * DAY_MS, () => true)).toBe(0);
    });

    test("records of days without a partition are taken too", async () => {
      const t = await tenant(store);
      const chain = new Chain();
      const ahead = Date.now() + 20 * 86_400_000;
      await sink.write([chain.call(t, ahead)]);
      await store.maintain(ahead);
      await sink.write([chain.call(t, ahead), chain.call(t, ahead + 86_400_000)]);
      expect(await store.records.requests(t.organizationId)).toHaveLength(3);
    });
  });
}
