import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { openRecordSink, openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { postgresDatabase } from "../servers/postgres.ts";
import { Chain, tenant } from "./store-fixture.ts";

const database = await postgresDatabase();

/** A TCP line to the server that can be frozen (nothing passes, nothing closes) and cut. */
async function line(target: URL) {
  const pairs = new Set<[Socket, Socket]>();
  let isFrozen = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    client.pipe(upstream);
    upstream.pipe(client);
    if (isFrozen) for (const socket of pair) socket.unpipe().pause();
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = new URL(target);
  url.port = String(typeof address === "object" && address ? address.port : 0);
  return {
    url: url.href,
    freeze: () => {
      isFrozen = true;
      for (const pair of pairs) for (const socket of pair) socket.unpipe().pause();
    },
    thaw: () => {
      isFrozen = false;
      for (const [client, upstream] of pairs) {
        client.pipe(upstream);
        upstream.pipe(client);
      }
    },
    cut: () => {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
    close: () => {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      server.close();
    },
  };
}

if (database) {
  describe("PostgreSQL in trouble", () => {
    afterAll(() => database.drop());
    const sealer = createSealer([randomBytes(32)]);
    const codeOf = (promise: Promise<unknown>) =>
      promise.then(
        () => "fine",
        (failure) => failure.code as string,
      );

    test("frozen: given up in time, refused at once afterwards, well again by itself", async () => {
      const wire = await line(new URL(database.url));
      const location = {
        kind: "postgres" as const,
        url: wire.url,
        poolMax: 3,
        connectTimeoutMs: 1_000,
        idleTimeoutMs: 0,
        statementTimeoutMs: 200,
      };
      const store = await openStore(location, sealer);
      await store.migrateUp();
      await Promise.all(Array.from({ length: 6 }, () => store.ping()));
      wire.freeze();
      const began = performance.now();
      const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(store.ping())));
      expect(new Set(codes)).toEqual(new Set(["store_unavailable"]));
      expect(performance.now() - began).toBeLessThan(3_500);
      const again = performance.now();
      expect(await codeOf(store.ping())).toBe("store_unavailable");
      expect(performance.now() - again).toBeLessThan(50);
      wire.thaw();
      await Bun.sleep(1_100);
      expect(await codeOf(store.ping())).toBe("fine");
      await store.close();
      wire.close();
    }, 15_000);

    test("connections lost while idle and in a transaction: nothing half done, the next call works", async () => {
      const wire = await line(new URL(database.url));
      const location = {
        kind: "postgres" as const,
        url: wire.url,
        poolMax: 2,
        connectTimeoutMs: 1_000,
        idleTimeoutMs: 0,
        statementTimeoutMs: 2_000,
      };
      const store = await openStore(location, sealer);
      await store.migrateUp();
      const t = await tenant(store);
      wire.cut();
      await Bun.sleep(50);
      expect(await codeOf(store.ping())).toBe("fine");
      const before = await store.versions();
      const writes = Array.from({ length: 20 }, (_, n) =>
        codeOf(store.organizations.update(t.organizationId, { name: `n${n}` })),
      );
      await Bun.sleep(3);
      wire.cut();
      const done = (await Promise.all(writes)).filter((code) => code === "fine").length;
      await Bun.sleep(1_100);
      const { config } = await store.versions();
      // A commit whose answer was lost may have counted; nothing else may.
      expect(config - before.config).toBeGreaterThanOrEqual(done);
      expect(config - before.config).toBeLessThanOrEqual(done + 2);
      await store.close();
      wire.close();
    }, 15_000);

    test("a record PostgreSQL cannot hold is refused as such, an outage is not", async () => {
      const wire = await line(new URL(database.url));
      const location = {
        kind: "postgres" as const,
        url: wire.url,
        poolMax: 1,
        connectTimeoutMs: 500,
        idleTimeoutMs: 0,
        statementTimeoutMs: 500,
      };
      const store = await openStore(location, sealer);
      await store.migrateUp();
      const t = await tenant(store);
      const sink = await openRecordSink(location);
      const nameOf = (promise: Promise<unknown>) =>
        promise.then(
          () => "fine",
          (failure: Error) => failure.name,
        );
      const chain = new Chain();
      const call = chain.call(t);
      const bad = { ...call, call: { ...call.call, target: "a\0b" } };
      expect(await nameOf(sink.write([bad]))).toBe("RecordsRefused");
      expect(await nameOf(sink.write([{ ...call, id: "no-uuid" }]))).toBe("RecordsRefused");
      wire.freeze();
      expect(await nameOf(sink.write([call]))).toBe("PostgresUnavailable");
      wire.cut();
      wire.thaw();
      await Bun.sleep(1_100);
      expect(await nameOf(sink.write([call]))).toBe("fine");
      expect(await store.records.requests(t.organizationId)).toHaveLength(1);
      await sink.close?.();
      await store.close();
      wire.close();
    }, 15_000);
  });
}
