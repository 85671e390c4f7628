import { expect, test } from "bun:test";
import { jsonHeaders } from "./json-headers.ts";

const json = { "content-type": "application/json" };
const nosniff = { "x-content-type-options": "nosniff" };
const held = (response: Response) => Object.fromEntries(response.headers);

test("an answer keeps the headers it was made with, whatever the answers after it have", () => {
  const cors = (origin: string) => ({ "access-control-allow-origin": origin, vary: "Origin" });
  const wanted: Record<string, string>[] = [
    { "x-request-id": "1", ...nosniff },
    { "x-request-id": "2", ...nosniff },
    { "x-request-id": "3", ...nosniff, ...cors("https://one.example") },
    { "x-request-id": "4", ...nosniff, ...cors("https://two.example") },
    { "x-request-id": "5", ...nosniff },
    { "x-request-id": "6" },
    { ...nosniff },
    { "x-request-id": "7", ...nosniff },
    {},
    { ...cors("https://two.example") },
  ];
  const answers = wanted.map((headers) => new Response("{}", { headers: jsonHeaders(headers) }));
  for (const [index, answer] of answers.entries())
    expect(held(answer)).toEqual({ ...json, ...wanted[index] });
});

test("what one answer has besides is not the next one's, and wins over what all have", () => {
  const common = { "x-request-id": "1", ...nosniff };
  const own = { "retry-after": "3", "content-type": "text/plain" };
  expect(held(new Response("{}", { headers: jsonHeaders(common) }))).toEqual({ ...json, ...common });
  expect(held(new Response("{}", { headers: jsonHeaders(common, own) }))).toEqual({ ...common, ...own });
  expect(held(new Response("{}", { headers: jsonHeaders(common) }))).toEqual({ ...json, ...common });
});

test("a record that is changed afterwards changes no answer", () => {
  const common: Record<string, string> = { "x-request-id": "1", ...nosniff };
  jsonHeaders(common);
  common["www-authenticate"] = "Bearer";
  delete common["x-content-type-options"];
  expect(held(new Response("{}", { headers: jsonHeaders(common) }))).toEqual({ ...json, ...common });
  expect(held(new Response("{}", { headers: jsonHeaders({ "x-request-id": "2", ...nosniff }) }))).toEqual({
    ...json,
    ...nosniff,
    "x-request-id": "2",
  });
});
