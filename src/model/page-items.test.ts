import { expect, test } from "bun:test";
import { PageItems } from "./page-items.ts";

const headOf = (id: string) => `{"id":${JSON.stringify(id)},"tools":[`;
const tail = '],"é":"✓"}';

test("an answer is the same as text and as bytes, whatever its characters and however long what surrounds it", () => {
  const items = new PageItems('"ä","🦊"');
  expect(items.byteLength).toBe(11);
  for (const id of ["日本", "x".repeat(320), "日".repeat(330), "x".repeat(5_000)]) {
    const text = new TextDecoder().decode(items.transient(headOf(id), tail));
    expect(text).toBe(headOf(id) + items.toString() + tail);
    expect(JSON.parse(text)).toEqual({ id, tools: ["ä", "🦊"], é: "✓" });
  }
});

test("answers keep what they were made of when the page is sent again", async () => {
  const items = new PageItems(JSON.stringify("x".repeat(300_000)));
  const ids = ["1", "a longer one", "3", "日本"];
  const answers = ids.map((id) => new Response(items.transient(headOf(id), tail)));
  for (const [i, answer] of answers.entries()) {
    const { id, tools } = (await answer.json()) as { id: string; tools: string[] };
    expect([id, tools[0]?.length]).toEqual([ids[i], 300_000]);
  }
});
