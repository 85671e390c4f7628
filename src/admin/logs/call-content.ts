import { z } from "zod";
import type { OpenedContent } from "../../policy/record/sealed-content.ts";
import type { AdminParts } from "../parts.ts";

const content = z
  .object({
    level: z
      .enum(["redacted", "full"])
      .describe("`full` is without credentials, `redacted` without secrets."),
    bytes: z.number().describe("Of the whole text; 0 where it is not known."),
    state: z
      .enum(["whole", "truncated", "omitted", "unreadable"])
      .describe("`omitted`: too large to be looked at; `unreadable`: sealed with a master key that is gone."),
    value: z.unknown().describe("Of a `whole` one."),
    head: z.string().nullable().describe("The beginning of the text of a `truncated` one."),
    digest: z.string().nullable().describe("SHA-256 of the whole text of a `truncated` one."),
  })
  .meta({ id: "CallContent" });

/** What was said in a call, part by part; `null` where a part is not kept, was not there, or has expired. */
export const callContents = z.object({
  arguments: content.nullable(),
  result: content.nullable(),
  error: content.nullable().describe("The server's JSON-RPC error."),
  answers: z.array(content).describe("Of the client to the server's questions."),
});
type CallContents = z.input<typeof callContents>;

export const noContents: CallContents = { arguments: null, result: null, error: null, answers: [] };

/** By call; one of which nothing is kept is not there. */
export async function contentsByCall(
  parts: AdminParts,
  organizationId: string,
  callIds: readonly string[],
): Promise<Map<string, CallContents>> {
  const byCall = new Map<string, CallContents>();
  for (const entry of await parts.store.records.contents(organizationId, callIds)) {
    const { part, ...opened } = parts.openContent(entry);
    const contents = byCall.get(entry.callId) ?? noContents;
    const next = contentView(opened);
    const changed = part === "answers" ? { answers: [...contents.answers, next] } : { [part]: next };
    byCall.set(entry.callId, { ...contents, ...changed });
  }
  return byCall;
}

function contentView({ head, digest, ...others }: Omit<OpenedContent, "part">): z.input<typeof content> {
  return { ...others, head: head ?? null, digest: digest ?? null };
}
