import { beforeAll, describe, expect, test } from "bun:test";
import type { RecordSink } from "../../src/model/ports/record-sink.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { Chain, tenant } from "./store-fixture.ts";

const DAY_MS = 86_400_000;

/** What every store does with what was said in calls. */
export function contentContract(
  of: () => { readonly store: OperatedStore; readonly sink: RecordSink },
): void {
  describe("contents of calls", () => {
    let store: OperatedStore;
    let sink: RecordSink;
    beforeAll(() => {
      ({ store, sink } = of());
    });

    test("each is there once, however often it is written, in order, and stands in its chain", async () => {
      const t = await tenant(store);
      const chain = new Chain();
      const call = chain.call(t);
      const said = [
        chain.content(call, "arguments"),
        chain.content(call, "answers"),
        chain.content(call, "answers"),
        chain.content(call, "result"),
      ];
      await sink.write([call, ...said]);
      await sink.write(said);
      const read = await store.records.contents(t.organizationId, [call.id]);
      expect(read).toEqual(said.map(({ content }) => ({ callId: call.id, ...content })));
      expect((await store.records.request(t.organizationId, call.id))?.call).toEqual(call.call);
      const records = await store.records.chain(chain.chainId, 0, 100);
      expect(records.map(({ link }) => link.sequence)).toEqual([1, 2, 3, 4, 5]);
      expect(records[3]).toEqual({ link: said[2]?.link as never, content: said[2] });
      expect((await store.records.heads()).find(({ chainId }) => chainId === chain.chainId)?.sequence).toBe(
        5,
      );
    });

    test("another organisation's call and contents are not there", async () => {
      const [t, other] = [await tenant(store), await tenant(store)];
      const chain = new Chain();
      const call = chain.call(t);
      await sink.write([call, chain.content(call, "result")]);
      expect(await store.records.contents(other.organizationId, [call.id])).toEqual([]);
      expect(await store.records.request(other.organizationId, call.id)).toBeUndefined();
      expect(await store.records.contents(t.organizationId, [])).toEqual([]);
    });

    test("they expire with their calls, and leave their links", async () => {
      const t = await tenant(store);
      const chain = new Chain();
      const old = chain.call(t, Date.now() - 10 * DAY_MS);
      const recent = chain.call(t);
      const oldContent = chain.content(old, "result");
      const recentContent = chain.content(recent, "result");
      await sink.write([old, oldContent, recent, recentContent]);
      expect(await store.records.expirePayloads(t.organizationId, Date.now() - DAY_MS, 100)).toBe(2);
      expect(await store.records.expirePayloads(t.organizationId, Date.now() - DAY_MS, 100)).toBe(0);
      expect(await store.records.contents(t.organizationId, [old.id, recent.id])).toEqual([
        { callId: recent.id, ...recentContent.content },
      ]);
      const records = await store.records.chain(chain.chainId, 0, 100);
      const { link } = oldContent;
      expect(records.find((record) => record.link.sequence === link.sequence)).toEqual({
        link: { ...link, salt: undefined },
        content: undefined,
      });
      await sink.write([oldContent]);
      expect(await store.records.contents(t.organizationId, [old.id])).toEqual([]);
    });

    test("none outlives its call's record, which says where it was said", async () => {
      const t = await tenant(store);
      const chain = new Chain();
      const calls = [3, 2, 1].map((days) => chain.call(t, Date.now() - (days + 10) * DAY_MS));
      const said = calls.flatMap((call) => [chain.content(call, "arguments"), chain.content(call, "result")]);
      await sink.write([...calls, ...said]);
      const left = async () => {
        const kept = await Promise.all(calls.map(({ id }) => store.records.request(t.organizationId, id)));
        const contents = await store.records.contents(
          t.organizationId,
          calls.map(({ id }) => id),
        );
        for (const { callId } of contents) expect(kept.find((one) => one?.id === callId)?.call).toBeDefined();
        return kept.filter((one) => one?.call !== undefined).length + contents.length;
      };
      expect(await left()).toBe(9);
      while ((await store.records.expirePayloads(t.organizationId, Date.now() - DAY_MS, 2)) > 0) await left();
      expect(await left()).toBe(0);
    });
  });
}
