import { describe, expect, test } from "bun:test";
import type { LimitRule } from "../../src/model/limit-rule.ts";
import type { NewRateLimit } from "../../src/model/ports/rate-limits.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import type { LimitUsage } from "../../src/model/rate-limit-record.ts";
import { keptLog } from "../../src/model/sample-exchange.testing.ts";
import { sampleLimit } from "../../src/model/sample-limit.testing.ts";
import { LimitCensus } from "../../src/server/limit-census.ts";
import { StoreLimitLedger } from "../../src/server/limit-ledger.ts";
import { LimitResets } from "../../src/server/limit-resets.ts";
import { eventually } from "../e2e/child.ts";
import { id, type Tenant, tenant } from "./store-fixture.ts";

const DAY_MS = 86_400_000;

export function newRateLimit({ organizationId }: Tenant, over: Partial<NewRateLimit> = {}): NewRateLimit {
  return {
    id: id(),
    organizationId,
    namespaceId: null,
    name: `rule-${id().slice(24)}`,
    description: "",
    per: ["user", "tool"],
    match: { tool: ["github:*"], ip: ["10.0.0.0/8"] },
    algorithm: "token_bucket",
    limit: 30,
    windowSeconds: 60,
    burst: 5,
    period: null,
    isActive: true,
    createdBy: null,
    ...over,
  };
}

/** Rate limits and their usage as a store keeps them, and what counts on it. */
export function limitStoreContract(open: () => OperatedStore): void {
  describe("rate limits", () => {
    test("are kept whole, listed, changed and removed; each write is a new configuration", async () => {
      const store = open();
      const [ours, theirs] = [await tenant(store), await tenant(store)];
      const rule = newRateLimit(ours);
      const versions = async () => (await store.versions()).config;
      const before = await versions();
      const created = await store.rateLimits.create(rule);
      expect(created).toMatchObject({ ...rule, resetAt: null });
      expect(await versions()).toBe(before + 1);
      expect(await store.rateLimits.find(ours.organizationId, rule.id)).toEqual(created);
      expect(await store.rateLimits.list(ours.organizationId)).toEqual([created]);
      const at = Date.now();
      const change = { limit: 40, per: [], match: {}, isActive: false, burst: null, resetAt: at } as const;
      const changed = await store.rateLimits.update(ours.organizationId, rule.id, change);
      expect(changed).toMatchObject({ ...rule, ...change });
      expect(await versions()).toBe(before + 2);
      expect(await store.rateLimits.find(theirs.organizationId, rule.id)).toBeUndefined();
      expect(await store.rateLimits.update(theirs.organizationId, rule.id, { limit: 1 })).toBeUndefined();
      expect(await store.rateLimits.remove(theirs.organizationId, rule.id)).toBe(false);
      expect(await versions()).toBe(before + 2);
      expect(await store.rateLimits.remove(ours.organizationId, rule.id)).toBe(true);
      expect(await store.rateLimits.remove(ours.organizationId, rule.id)).toBe(false);
      expect(await store.rateLimits.list(ours.organizationId)).toEqual([]);
    });

    test("have a name once in their organisation", async () => {
      const store = open();
      const [ours, theirs] = [await tenant(store), await tenant(store)];
      await store.rateLimits.create(newRateLimit(ours, { name: "calls" }));
      await store.rateLimits.create(newRateLimit(theirs, { name: "calls" }));
      const again = store.rateLimits.create(newRateLimit(ours, { name: "calls" }));
      expect(await again.catch((error: unknown) => error)).toMatchObject({ code: "already_exists" });
    });
  });

  describe("usage of limits", () => {
    const usage = (ruleId: string, over: Partial<LimitUsage> = {}): LimitUsage => ({
      ruleId,
      subject: "key:a",
      period: "day",
      periodStart: 1_800_057_600_000,
      organizationId: null,
      admitted: 1,
      refused: 0,
      ...over,
    });

    test("adds up, however many processes add at once", async () => {
      const store = open();
      const { organizationId } = await tenant(store);
      const ruleId = id();
      const subjects = Array.from({ length: 250 }, (_, n) => `key:${n}`);
      const batch = subjects.map((subject) =>
        usage(ruleId, { subject, organizationId, admitted: 3, refused: 2 }),
      );
      await Promise.all(
        Array.from({ length: 4 }, (_, n) =>
          store.acrossTenants.addLimitUsage(n % 2 === 0 ? batch : batch.toReversed()),
        ),
      );
      const totals = await store.acrossTenants.addLimitUsage(batch);
      expect(totals).toHaveLength(250);
      expect(totals.every(({ admitted, refused }) => admitted === 15 && refused === 10)).toBe(true);
      const first = await store.rateLimits.usage(organizationId, ruleId, { limit: 200 });
      const after = first.at(-1);
      if (after === undefined) throw new Error("no usage");
      const second = await store.rateLimits.usage(organizationId, ruleId, { after });
      expect([...first, ...second].map(({ subject }) => subject).sort()).toEqual(subjects.sort());
      expect(await store.rateLimits.usage((await tenant(store)).organizationId, ruleId)).toEqual([]);
    });

    test("is found by rule and period, page by page, and forgotten by age, by hand, or with its rule", async () => {
      const store = open();
      const { organizationId } = await tenant(store);
      const [one, other] = [id(), id()];
      const start = 1_800_057_600_000;
      const rows = [
        usage(one),
        usage(one, { subject: "key:b" }),
        usage(one, { period: "month" }),
        usage(one, { periodStart: start - DAY_MS }),
        usage(other, { organizationId }),
      ];
      await store.acrossTenants.addLimitUsage(rows);
      const found = await store.acrossTenants.limitUsage([one], [start]);
      expect(found).toHaveLength(3);
      const page = await store.acrossTenants.limitUsage([one], [start], undefined, 2);
      expect(await store.acrossTenants.limitUsage([one], [start], page.at(-1), 2)).toEqual(found.slice(2));
      expect(await store.acrossTenants.limitUsage([], [start])).toEqual([]);
      expect(await store.acrossTenants.forgetLimitUsageBefore("day", start - 1)).toBeGreaterThanOrEqual(1);
      expect(await store.acrossTenants.limitUsage([one], [start - DAY_MS])).toEqual([]);
      await store.rateLimits.forgetUsage(null, one, "key:b");
      expect(await store.acrossTenants.limitUsage([one], [start])).toHaveLength(2);
      await store.rateLimits.forgetUsage(organizationId, one);
      expect(await store.rateLimits.usage(null, one)).toHaveLength(2);
      await store.rateLimits.forgetUsage(null, one);
      expect(await store.rateLimits.usage(null, one)).toEqual([]);
      expect(await store.rateLimits.usage(organizationId, other)).toHaveLength(1);
    });

    test("goes with its organisation and its rule, and one of an organisation that is gone is dropped", async () => {
      const store = open();
      const [ours, theirs] = [await tenant(store), await tenant(store)];
      const rule = await store.rateLimits.create(newRateLimit(ours));
      const gone = usage(id(), { organizationId: theirs.organizationId });
      const own = usage(rule.id, { organizationId: ours.organizationId });
      await store.acrossTenants.addLimitUsage([gone, own]);
      await store.organizations.remove(theirs.organizationId);
      expect(await store.acrossTenants.limitUsage([gone.ruleId], [gone.periodStart])).toEqual([]);
      expect(await store.acrossTenants.addLimitUsage([gone, own])).toMatchObject([{ admitted: 2 }]);
      await store.rateLimits.remove(ours.organizationId, rule.id);
      expect(await store.rateLimits.usage(ours.organizationId, rule.id)).toEqual([]);
    });
  });

  describe("quotas", () => {
    const quota = (over: Partial<LimitRule> = {}) =>
      sampleLimit({ algorithm: "quota", period: "day", windowMs: 0, limit: 5, per: ["key"], ...over });
    const ledgerAt = (at = Date.now()) => {
      const clock = { at, now: () => clock.at };
      const ledger = new StoreLimitLedger({ store: open().acrossTenants, clock, log: keptLog() });
      const use = (rule: LimitRule, subject: string, times: number) => {
        let admitted = 0;
        for (let n = 0; n < times; n++) {
          const demand = { rule, subject };
          if (ledger.quotaWait(demand) > 0) ledger.note(demand, false);
          else {
            ledger.take(demand);
            admitted++;
          }
        }
        return admitted;
      };
      return { clock, ledger, use };
    };

    test("survive a restart: what was used stays used, until the period is over", async () => {
      const rule = quota();
      const first = ledgerAt();
      expect(first.use(rule, "key:a", 3)).toBe(3);
      await first.ledger.close();
      const second = ledgerAt();
      await second.ledger.load([rule]);
      expect(second.use(rule, "key:a", 9)).toBe(2);
      expect(second.use(rule, "key:b", 9)).toBe(5);
      await second.ledger.flush();
      const third = ledgerAt();
      await third.ledger.load([rule]);
      const waitMs = third.ledger.quotaWait({ rule, subject: "key:a" });
      expect(waitMs).toBe(DAY_MS - (third.clock.at % DAY_MS));
      third.clock.at += waitMs - 1;
      expect(third.use(rule, "key:a", 1)).toBe(0);
      third.clock.at += 1;
      expect(third.use(rule, "key:a", 9)).toBe(5);
      for (const { ledger } of [second, third]) await ledger.close();
    });

    test("a month is a calendar month", async () => {
      const { clock, ledger, use } = ledgerAt(Date.UTC(2028, 1, 29, 23, 59, 59));
      const rule = quota({ period: "month" });
      expect(use(rule, "key:a", 9)).toBe(5);
      expect(ledger.quotaWait({ rule, subject: "key:a" })).toBe(1_000);
      clock.at += 1_000;
      expect(use(rule, "key:a", 9)).toBe(5);
      expect(ledger.quotaWait({ rule, subject: "key:a" })).toBe(31 * DAY_MS);
      // In its time all others' usage is old, and forgotten: not while they run.
      await ledger.close();
    });

    test("two processes learn of each other as they write; nothing is counted twice or lost", async () => {
      const rule = quota({ limit: 10 });
      const [one, other] = [ledgerAt(), ledgerAt()];
      expect(one.use(rule, "key:a", 4)).toBe(4);
      expect(other.use(rule, "key:a", 4)).toBe(4);
      await Promise.all([one.ledger.flush(), other.ledger.flush()]);
      one.use(rule, "key:a", 1);
      other.use(rule, "key:a", 1);
      await Promise.all([one.ledger.flush(), other.ledger.flush()]);
      // Whoever wrote first does not know yet of what the other wrote.
      const more = one.use(rule, "key:a", 5) + other.use(rule, "key:a", 5);
      expect(more).toBeLessThanOrEqual(1);
      await Promise.all([one.ledger.close(), other.ledger.close()]);
      const fresh = ledgerAt();
      await fresh.ledger.load([rule]);
      expect(fresh.use(rule, "key:a", 1)).toBe(0);
      const [row] = await open().rateLimits.usage(null, rule.id);
      expect(row?.admitted).toBe(10 + more);
      expect(row?.refused).toBeGreaterThan(0);
      await fresh.ledger.close();
    });

    test("what comes back is not used", async () => {
      const rule = quota({ limit: 2 });
      const { ledger, use } = ledgerAt();
      const demand = { rule, subject: "key:a" };
      for (let n = 0; n < 10; n++) {
        ledger.take(demand);
        await ledger.flush();
        ledger.giveBack(demand);
      }
      expect(use(rule, "key:a", 5)).toBe(2);
      await ledger.close();
    });

    test("past 50,000 subjects, others share one count, also after a restart", async () => {
      const rule = quota({ limit: 3 });
      const first = ledgerAt();
      for (let n = 0; n < 50_000; n++) first.use(rule, `key:${n}`, 1);
      expect(first.use(rule, "key:late", 2)).toBe(2);
      expect(first.use(rule, "key:later", 2)).toBe(1);
      expect(first.use(rule, "key:0", 9)).toBe(2);
      await first.ledger.close();
      const second = ledgerAt();
      await second.ledger.load([rule]);
      expect(second.use(rule, "key:latest", 1)).toBe(0);
      expect(second.use(rule, "key:1", 9)).toBe(2);
      second.ledger.reset(rule, "(others)");
      expect(second.use(rule, "key:latest", 9)).toBe(3);
      await second.ledger.close();
    });
  });

  test("what is to be forgotten every process forgets once, also one that was told nothing", async () => {
    const store = open().acrossTenants;
    const [rule, other] = [id(), id()];
    const forgotten: (readonly [string, string, string | undefined])[] = [];
    const processOf = (name: string) =>
      new LimitResets(store, (ruleId, subject) => void forgotten.push([name, ruleId, subject]));
    const [here, there] = [processOf("here"), processOf("there")];
    await here.start();
    await there.start();
    forgotten.length = 0;
    await here.add(rule, "key:a");
    await here.add(other, undefined);
    await Promise.all([here.read(), there.read(), there.read()]);
    await there.read();
    expect(forgotten.toSorted()).toEqual(
      [["there", rule, "key:a"] as const, ["there", other, undefined] as const].toSorted(),
    );
    await here.add(rule, "key:b");
    await eventually("it is read by itself", async () =>
      forgotten.some(([, , subject]) => subject === "key:b") ? true : undefined,
    );
    for (const each of [here, there]) each.close();
    expect(await store.limitResets(0)).toEqual([]);
  });

  test("processes that count side by side are counted, and forgotten when they end or give no sign", async () => {
    const { countLimitProcess } = open().acrossTenants;
    const before = await countLimitProcess(id(), 0);
    const [one, other] = [id(), id()];
    expect(await countLimitProcess(one, 60_000)).toBe(before + 1);
    expect(await countLimitProcess(other, 60_000)).toBe(before + 2);
    expect(await countLimitProcess(one, 60_000)).toBe(before + 2);
    expect(await countLimitProcess(other, 0)).toBe(before + 1);
    await countLimitProcess(one, 20);
    await Bun.sleep(40);
    expect(await countLimitProcess(id(), 0)).toBe(before);
    const census = [
      new LimitCensus(open().acrossTenants, keptLog()),
      new LimitCensus(open().acrossTenants, keptLog()),
    ];
    for (const each of census) await each.start();
    expect(census[1]?.processes).toBe(before + 2);
    for (const each of census) await each.close();
    expect(await countLimitProcess(id(), 0)).toBe(before);
  });
}
