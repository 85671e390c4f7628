import { expect, test } from "bun:test";
import { PageText } from "./page-text.ts";

const encoder = new TextEncoder();
const page = (id: string, items: string) =>
  new PageText(`{"id":${JSON.stringify(id)},"tools":[`, encoder.encode(items), '],"é":"✓"}');

test("a page is the same as text and as bytes, whatever its characters", () => {
  const text = page("日本", '"ä","🦊"');
  expect(new TextDecoder().decode(text.transient())).toBe(text.toString());
  expect(JSON.parse(text.toString())).toEqual({ id: "日本", tools: ["ä", "🦊"], é: "✓" });
});

test("answers hold what they were made of, though their pages are put together in one place", async () => {
  const lengths = [10, 300_000, 2_500_000, 50, 700_000];
  const answers = lengths.map(
    (length, i) => new Response(page(String(i), JSON.stringify("x".repeat(length))).transient()),
  );
  for (const [i, answer] of answers.entries()) {
    const { id, tools } = (await answer.json()) as { id: string; tools: string[] };
    expect([id, tools[0]?.length]).toEqual([String(i), lengths[i]]);
  }
});
