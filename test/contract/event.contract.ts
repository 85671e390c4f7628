import { beforeAll, describe, expect, test } from "bun:test";
import type { RecordSink } from "../../src/model/ports/record-sink.ts";
import type { EventFilter, LogPlace } from "../../src/model/ports/records.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { Chain, tenant } from "./store-fixture.ts";

const DAY_MS = 86_400_000;
const detail = (outcome: string, name?: string) =>
  JSON.stringify({ outcome, ...(name !== undefined && { actor_name: name }) });

/** How every store lists administrative and security events. */
export function eventContract(of: () => { readonly store: OperatedStore; readonly sink: RecordSink }): void {
  describe("events", () => {
    let store: OperatedStore;
    let sink: RecordSink;
    beforeAll(() => {
      ({ store, sink } = of());
    });

    test("each filter finds its own, of one organisation, and of none", async () => {
      const [here, there] = [await tenant(store), await tenant(store)];
      const chain = new Chain();
      const correlationId = `c-${chain.chainId}`;
      const written = [here.organizationId, there.organizationId, ""].flatMap((owner) => [
        chain.audit(owner, detail("ok", "mgw_abc"), { action: "server.create", correlationId }),
        chain.audit(owner, detail("forbidden", 'o"neil\\ \u0000'), { actor: "user:y", correlationId }),
        chain.audit(owner, detail("store_unavailable"), { target: "user:z", correlationId }),
        chain.audit(owner, '{"records":1}', { clientAddress: "203.0.113.9", correlationId }),
      ]);
      await sink.write(written);
      const found = async (organizationId: string | null, filter: EventFilter) =>
        (await store.records.audits(organizationId, {}, { correlationId, ...filter })).map(
          ({ link }) => link.sequence,
        );
      for (const [at, owner] of [here.organizationId, there.organizationId, null].entries()) {
        const [first, second, third, fourth] = [1, 2, 3, 4].map((n) => at * 4 + n) as [
          number,
          number,
          number,
          number,
        ];
        expect(await found(owner, {})).toEqual([fourth, third, second, first]);
        expect(await found(owner, { status: "ok" })).toEqual([first]);
        expect(await found(owner, { status: "refused" })).toEqual([second]);
        expect(await found(owner, { errorCode: "forbidden" })).toEqual([second]);
        expect(await found(owner, { status: "error" })).toEqual([third]);
        expect(await found(owner, { actorName: "mgw_abc" })).toEqual([first]);
        expect(await found(owner, { actor: "user:y" })).toEqual([second]);
        expect(await found(owner, { target: "user:z", status: "error" })).toEqual([third]);
        expect(await found(owner, { target: "user:z", status: "ok" })).toEqual([]);
        expect(await found(owner, { clientAddress: "203.0.113.9" })).toEqual([fourth]);
      }
    });

    test("page by page every one is there once, also of one millisecond and of several chains", async () => {
      const t = await tenant(store);
      const chains = [new Chain(), new Chain(), new Chain()];
      const now = Date.now();
      const written = Array.from({ length: 60 }, (_, n) =>
        (chains[n % 3] as Chain).audit(t.organizationId, detail("ok"), {}, now - Math.floor(n / 12)),
      );
      await sink.write(written);
      const places: string[] = [];
      let after: LogPlace | undefined;
      do {
        const page = await store.records.audits(t.organizationId, {
          limit: 7,
          after,
        });
        const last = page.at(-1)?.link;
        after = last && { at: last.time, id: last.chainId, sequence: last.sequence };
        places.push(
          ...page.map(({ link: { time, chainId, sequence } }) => `${time} ${chainId} ${1_000 + sequence}`),
        );
      } while (after !== undefined);
      expect(places).toHaveLength(60);
      expect(places).toEqual([...new Set(places)].sort().reverse());
      const between = await store.records.audits(t.organizationId, { from: now - 2, before: now });
      expect(between).toHaveLength(24);
    });

    test("an expired one keeps its link, and is found by nothing it said", async () => {
      const t = await tenant(store);
      const chain = new Chain();
      const over = { action: "server.create", actor: "key:x" };
      await sink.write([
        chain.audit(t.organizationId, detail("forbidden", "mgw_abc"), over, Date.now() - 10 * DAY_MS),
      ]);
      expect(await store.records.expirePayloads(t.organizationId, Date.now() - DAY_MS, 100)).toBe(1);
      const [entry] = await store.records.audits(t.organizationId);
      expect(entry).toMatchObject({ audit: undefined, link: { salt: undefined } });
      for (const filter of [{ status: "refused" }, { errorCode: "forbidden" }, { actorName: "mgw_abc" }]) {
        expect(await store.records.audits(t.organizationId, {}, filter)).toEqual([]);
      }
    });
  });
}
