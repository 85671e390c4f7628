import { type ClientKind, legacyKinds, modernKinds } from "./clients.ts";
import type { interplay } from "./interplay.ts";

type Act = keyof typeof interplay;

/** What each act of the interplay proves, in words for a user. */
export const features: Readonly<Record<Act, string>> = {
  callsTools: "Tools: lists, calls, text, images, audio, structured content, errors",
  readsResources:
    "Resources and templates, text and binary; an unknown one in the words of the client's revision",
  getsPrompts: "Prompts, and completion of their arguments and of templates",
  hearsProgress: "Progress",
  hearsLogs: "Log messages",
  filtersLogs: "Log messages from a level up",
  cancels: "Cancellation, down to the server",
  hearsListChanges: "List changes: tools, prompts, resources",
  hearsResourceUpdates: "Updates of subscribed resources",
  answersElicitation: "Elicitation in the middle of a call, by a form",
  answersUrlElicitation: "Elicitation in the middle of a call, by a URL",
  visitsRequiredUrl: "A URL to be visited before the call works (`-32042`)",
  answersSampling: "Sampling in the middle of a call",
  answersSamplingWithTools: "Sampling with tools",
  answersRoots: "Roots in the middle of a call",
  answersManyQuestions: "Several questions at once, and in rounds, from tools and prompts",
};

/** A server of the matrix, by the name the tests configure it under. */
export interface MatrixServer {
  readonly name: string;
  readonly era: "legacy" | "modern";
  readonly over: string;
  /** Acts that make no sense there, with the reason. */
  readonly without: Readonly<Partial<Record<Act, string>>>;
}

const NOBODY_TO_ASK =
  "a process shared by several callers over one channel cannot tell whose a question or a message is, so it gets none";
const needsOwner: readonly Act[] = [
  "hearsLogs",
  "filtersLogs",
  "answersElicitation",
  "answersUrlElicitation",
  "answersSampling",
  "answersSamplingWithTools",
  "answersRoots",
  "answersManyQuestions",
];

export const matrixServers: readonly MatrixServer[] = [
  { name: "legacy", era: "legacy", over: "Streamable HTTP", without: {} },
  { name: "legacy-sse", era: "legacy", over: "HTTP+SSE", without: {} },
  {
    name: "legacy-child",
    era: "legacy",
    over: "stdio",
    without: {
      hearsListChanges:
        "each caller has a process of its own by default: changes in it alone are not on the lists, which all share",
    },
  },
  {
    name: "shared-child",
    era: "legacy",
    over: "stdio, `sharing: shared`",
    without: Object.fromEntries(needsOwner.map((act) => [act, NOBODY_TO_ASK])),
  },
  { name: "modern", era: "modern", over: "Streamable HTTP", without: {} },
  { name: "modern-child", era: "modern", over: "stdio", without: {} },
];

export const clientsByEra: Readonly<Record<"legacy" | "modern", readonly ClientKind[]>> = {
  legacy: legacyKinds,
  modern: modernKinds,
};

/** Every published revision, oldest first. */
export const revisions = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] as const;

export interface RevisionServer {
  readonly name: string;
  readonly revision: (typeof revisions)[number];
  readonly transport: "http" | "sse" | "stdio";
}

/** A server of each revision over each transport the revision has. */
export const revisionServers: readonly RevisionServer[] = revisions.flatMap((revision) => {
  const over = revision === "2024-11-05" ? (["sse", "stdio"] as const) : (["http", "stdio"] as const);
  return over.map((transport) => ({ revision, transport, name: `v${revision}-${transport}` }));
});

/** Where each request may reach another process than the one before: a stdio server is a child of one process alone. */
export const serversOfSeveralProcesses: readonly MatrixServer[] = matrixServers.filter(
  ({ over }) => !over.startsWith("stdio"),
);

export function actsAt(server: MatrixServer): readonly Act[] {
  return (Object.keys(features) as Act[]).filter((act) => !(act in server.without));
}
