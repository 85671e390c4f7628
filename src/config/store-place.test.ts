import { expect, test } from "bun:test";
import { placeOf } from "./store-place.ts";

const postgres = (url: string) =>
  placeOf({
    kind: "postgres",
    url,
    poolMax: 1,
    connectTimeoutMs: 1,
    idleTimeoutMs: 1,
    statementTimeoutMs: 1,
    migrates: false,
  });

test("the place of a store is equal for equal stores and holds no credential", () => {
  expect(placeOf({ kind: "sqlite", path: "/var/data/gateway.db", migrates: true })).toBe(
    "sqlite:/var/data/gateway.db",
  );
  expect(postgres("postgres://gateway:secret@db/gateway?sslmode=require")).toBe("postgres://db:5432/gateway");
  expect(postgres("postgresql://other@db:5432/gateway")).toBe("postgres://db:5432/gateway");
  expect(postgres("postgres://127.0.0.1:6000/x")).toBe(postgres("postgres://localhost:6000/x"));
  expect(postgres("postgres:///x?host=/run/postgresql")).toBe("postgres:///run/postgresql:5432/x");
});
