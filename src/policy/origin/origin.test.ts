import { expect, test } from "bun:test";
import { arrivalOf, verdict } from "../arrival.testing.ts";
import { corsHeaders, OriginRule, originPolicy, preflightHeaders } from "./origin.ts";

const rule = new OriginRule("http://localhost:8080/", [
  "https://App.example",
  "http://localhost:*",
  "https://*.team.example",
]);
const policy = originPolicy<string>(rule);
const at = (origin: string | undefined) =>
  verdict(() => policy(arrivalOf(origin === undefined ? {} : { origin }), () => "served"));

test.each([
  undefined,
  "http://localhost:8080",
  "HTTP://LOCALHOST:8080",
  "http://localhost:5173",
  "https://app.example",
  "https://a.team.example",
])("%p passes", async (origin) => {
  expect(await at(origin)).toBe("passed");
});

test.each([
  "null",
  "http://evil.example.com",
  "http://localhost:1@evil.example",
  "http://localhost:1/../evil",
  "https://app.example.evil.example",
  "http://app.example",
  "https://app.example:444",
  "https://evil.example/.team.example",
  "https://evil.example?.team.example",
  "https://evil.example#.team.example",
  "http://localhost",
  "file://",
  "https://a.team.example, https://evil.example",
])("%p is refused", async (origin) => {
  expect(await at(origin)).toBe("origin_refused");
});

test.each(["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"])(
  "a gateway on loopback serves its own pages, whichever name it is called by: %p",
  (origin) => {
    const local = new OriginRule("http://127.0.0.1:8080", []);
    expect(local.allows(origin)).toBe(true);
    expect(local.allows(origin.replace("8080", "8081"))).toBe(false);
    expect(local.allows(origin.replace("http:", "https:"))).toBe(false);
    expect(new OriginRule("https://gateway.example", []).allows(origin)).toBe(false);
  },
);

test("an empty Origin is no origin of ours", () => {
  expect(rule.allows("")).toBe(false);
});

test("CORS answers name the one origin, allow no cookies, and bound what they echo", () => {
  const headers = preflightHeaders("https://app.example", "x".repeat(10_000), 90_500);
  expect(headers["access-control-max-age"]).toBe("90");
  expect(headers["access-control-allow-origin"]).toBe("https://app.example");
  expect(headers.vary).toBe("Origin");
  expect(headers["access-control-allow-headers"]).toHaveLength(2_048);
  expect({ ...headers, ...corsHeaders("https://app.example") }).not.toHaveProperty(
    "access-control-allow-credentials",
  );
});
