import { describe, expect, test } from "bun:test";
import { examples } from "../../src/admin/documentation/examples/examples.ts";
import { openApiDocument } from "../../src/admin/documentation/openapi.ts";
import { refusalsOf } from "../../src/admin/refusals.ts";
import { adminRoutes } from "../../src/admin/routes.ts";
import { Document, type OpenApi, type Schema } from "../e2e/routes/document.ts";

const document = new Document(openApiDocument(adminRoutes, "1.0.0") as unknown as OpenApi);
const { openApi } = document;
const operations = adminRoutes.map((route) => [route.id, route, document.operation(route)] as const);

/** Every name a body, an answer or a query of the API has. */
function namesIn(value: unknown, names = new Set<string>()): Set<string> {
  if (typeof value !== "object" || value === null) return names;
  const { properties } = value as Schema;
  if (typeof properties === "object") for (const name of Object.keys(properties)) names.add(name);
  for (const member of Object.values(value)) namesIn(member, names);
  return names;
}

describe("what a stranger reads at /openapi.json", () => {
  test("each operation has a summary that is a sentence, who may call it, and a tag that is explained", () => {
    const explained = new Map(openApi.tags.map(({ name, description }) => [name, description]));
    for (const [id, route, operation] of operations) {
      expect([id, operation.summary]).toEqual([id, expect.stringMatching(/^[A-Z].*\.$/s)]);
      expect([id, operation.description]).toEqual([id, expect.stringMatching(/^(Open\.|For .+\.)/)]);
      for (const tag of operation.tags) {
        expect([tag, explained.get(tag)]).toEqual([tag, expect.stringMatching(/^[A-Z].*\.$/)]);
      }
      expect([id, operation.security]).toEqual([id, route.access === "open" ? [] : undefined]);
    }
    expect(new Set(operations.map(([id]) => id)).size).toBe(operations.length);
  });

  test("what is done in person says so, and what whoever is no person is told", () => {
    const personal = operations.filter(([, { inPerson }]) => inPerson !== undefined);
    expect(personal.map(([id]) => id)).toEqual(["logout", "password", "profile-update"]);
    for (const [id, route, { description }] of operations) {
      const isPersonal = route.inPerson !== undefined;
      const refusals = refusalsOf(route).get(403) ?? [];
      expect([id, description?.includes("In person"), refusals.includes("sign_in_required")]).toEqual([
        ...[id, isPersonal, isPersonal],
      ]);
    }
  });

  test("each parameter says what it is", () => {
    const silent = operations.flatMap(([id, , { parameters }]) =>
      parameters
        .filter(({ description }) => description === undefined)
        .map((parameter) => `${id}: ${parameter.in} ${parameter.name}`),
    );
    expect(silent).toEqual([]);
  });

  test("each refusal is explained by its codes, cause and remedy", () => {
    for (const [name, { description, content }] of Object.entries(openApi.components.responses)) {
      expect([name, description.length > 10]).toEqual([name, true]);
      expect([name, Object.keys(content ?? {})]).toEqual([
        name,
        [name.includes(".oauth") ? "application/json" : "application/problem+json"],
      ]);
    }
  });

  test.each(operations)("%s: its examples fit their schemas", (id, route, operation) => {
    const add = `${id} has no example: add it in src/admin/documentation/examples`;
    const method = route.method.toLowerCase();
    for (const [type, { example }] of Object.entries(operation.requestBody?.content ?? {})) {
      if (example === undefined) throw new Error(`${add} (body)`);
      const place = ["paths", route.path, method, "requestBody", "content", type, "schema"];
      expect(document.faults(place, example)).toEqual([]);
      expect(route.body?.safeParse(example).error).toBeUndefined();
    }
    const answer = operation.responses[route.status]?.content?.["application/json"];
    if (answer === undefined) return;
    if (answer.example === undefined) throw new Error(`${add} (answer)`);
    const place = ["paths", route.path, method, "responses", String(route.status), "content"];
    expect(document.faults([...place, "application/json", "schema"], answer.example)).toEqual([]);
  });

  test("no example is of an operation that is not there", () => {
    const known = new Set(adminRoutes.map(({ id }) => id));
    expect(Object.keys(examples).filter((id) => !known.has(id))).toEqual([]);
  });

  test("names are in snake case, and of the words of the glossary", () => {
    const names = [...namesIn(openApi.paths), ...namesIn(openApi.components.schemas)];
    expect(names.filter((name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name))).toEqual([]);
    const others = ["protocol_version", "circuit_breaker", "tenant", "org", "organisation", "backend"];
    expect(names.filter((name) => others.includes(name))).toEqual([]);
  });

  test("a form made of the schema of a limit lets no value through that the rules refuse", () => {
    const route = adminRoutes.find(({ id }) => id === "rate-limits-create") as (typeof adminRoutes)[number];
    const rule = { name: "calls", limit: 1, window_seconds: 60 };
    expect(document.bodyFaults(route, rule)).toEqual([]);
    for (const wrong of [
      ...[{ limit: 0 }, { limit: 1_000_000_001 }, { limit: 1.5 }, { burst: 0 }, { burst: 1_000_000_001 }],
      ...[{ window_seconds: 0 }, { window_seconds: 2_678_401 }, { window_seconds: 0.5 }],
      ...[{ name: "" }, { name: "A" }, { name: "-a" }, { name: "a b" }, { name: "a".repeat(65) }],
    ]) {
      expect([wrong, document.bodyFaults(route, { ...rule, ...wrong }).length > 0]).toEqual([wrong, true]);
    }
  });

  test("what an operation takes to name a namespace, its object shows", () => {
    for (const [id, , operation] of operations) {
      const body = operation.requestBody?.content["application/json"]?.schema;
      if (body === undefined || !("namespace" in (document.resolved(body).properties ?? {}))) continue;
      const answer = operation.responses["201"]?.content?.["application/json"]?.schema;
      if (answer === undefined) continue;
      const shown = Object.keys(document.resolved(answer).properties ?? {});
      expect([id, shown]).toEqual([id, expect.arrayContaining(["namespace", "namespace_id"])]);
    }
  });
});
