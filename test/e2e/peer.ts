import type { ClientCapabilities } from "@modelcontextprotocol/client";

/** The official clients: the old SDK, and the new one in each way it can negotiate. */
export type ClientKind = "sdk1-legacy" | "sdk2-legacy" | "sdk2-auto" | "sdk2-modern";

export const clientKinds: readonly ClientKind[] = ["sdk1-legacy", "sdk2-legacy", "sdk2-auto", "sdk2-modern"];
export const legacyKinds: readonly ClientKind[] = ["sdk1-legacy", "sdk2-legacy"];
export const modernKinds: readonly ClientKind[] = ["sdk2-auto", "sdk2-modern"];

/** What a tool answered, as far as the tests look. */
export interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
  readonly structured: unknown;
}

export interface CallOptions {
  readonly onProgress?: (progress: number, total: number | undefined) => void;
  readonly signal?: AbortSignal;
  /** Ask for log lines of this level and above with the call, where the era does that per request. */
  readonly logLevel?: "debug" | "info" | "warning";
  readonly timeoutMs?: number;
}

/** Changes a peer was told of, in order: `tools`, `prompts`, `resources`, or a resource's URI. */
export interface Heard {
  readonly logs: unknown[];
  readonly changes: string[];
  /** `elicitation`, `sampling` or `roots`, in the order they were asked. */
  readonly questions: string[];
  /** URLs the user was sent to, by a question or by the error `-32042`. */
  readonly urls: string[];
}

/** One connected client, the same to a test whichever SDK it is made of. */
export interface Peer {
  readonly kind: ClientKind;
  readonly era: "legacy" | "modern";
  readonly heard: Heard;
  tools(): Promise<string[]>;
  call(name: string, args: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<ToolAnswer>;
  /** Whether what a call threw asks for a visit to URLs first; if so, the user has been there. */
  visited(thrown: unknown): boolean;
  resources(): Promise<string[]>;
  /** The text of a resource, or the base64 of a binary one. */
  read(uri: string): Promise<string>;
  templates(): Promise<string[]>;
  prompts(): Promise<string[]>;
  prompt(name: string, args: Readonly<Record<string, string>>): Promise<string>;
  /** Completes an argument of a prompt, or of a resource template (a URI). */
  complete(reference: string, argument: string, value: string): Promise<string[]>;
  /** Legacy: the session's level. Modern: nothing to do, see `CallOptions.logLevel`. */
  setLogLevel(level: "debug" | "info" | "warning"): Promise<void>;
  /** Asks to be told of all list changes and of these resources. */
  subscribe(uris: readonly string[]): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const clientInfo = { name: "foreign-peer", version: "1.0.0" };
export const capabilities: ClientCapabilities = {
  elicitation: { form: {}, url: {} },
  sampling: { tools: {} },
  roots: { listChanged: true },
};

/** What every peer answers when it is asked. */
export const answers = {
  elicited: {
    username: "ada",
    email: "ada@example.org",
    name: "Ada",
    color: "green",
    ok: true,
    context: "tests",
  },
  sampled: "sampled by the client",
  toolUse: { type: "tool_use", id: "use-1", name: "weather", input: { city: "Paris" } },
  root: "file:///peer/root",
} as const;

export interface ConnectOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Declare no capabilities and answer nothing. */
  readonly isMute?: boolean;
}

/** Where a client connects: a streamable HTTP URL, an HTTP+SSE one, or a program of its own over stdio. */
export type Target =
  | string
  | { readonly sse: string }
  | { readonly command: string; readonly args: readonly string[] };

interface Block {
  readonly type: string;
  readonly text?: string;
}

export function answerOf(result: object): ToolAnswer {
  const blocks = "content" in result && Array.isArray(result.content) ? (result.content as Block[]) : [];
  const text = blocks.map((block) => block.text ?? `(${block.type})`).join("\n");
  const structured = "structuredContent" in result ? result.structuredContent : undefined;
  return { text, isError: "isError" in result && result.isError === true, structured };
}

export function contentsOf(result: { contents: readonly object[] }): string {
  const first = result.contents[0] ?? {};
  if ("text" in first) return String(first.text);
  return "blob" in first ? String(first.blob) : "";
}

export function promptTextOf(result: { messages: readonly { content: unknown }[] }): string {
  return result.messages.map((message) => (message.content as Block).text ?? "").join("\n");
}

/** What a user and a model do who are asked, the same in every SDK. */
export function respond(heard: Heard) {
  return {
    elicitation: (params: { readonly mode?: string; readonly url?: unknown }) => {
      heard.questions.push("elicitation");
      if (params.mode !== "url") return { action: "accept" as const, content: { ...answers.elicited } };
      heard.urls.push(String(params.url));
      return { action: "accept" as const };
    },
    sampling: (params: { readonly tools?: readonly unknown[] | undefined }) => {
      heard.questions.push("sampling");
      const message = { model: "none", role: "assistant" as const };
      if (params.tools === undefined)
        return { ...message, content: { type: "text" as const, text: answers.sampled } };
      return { ...message, stopReason: "toolUse", content: [structuredClone(answers.toolUse)] };
    },
    roots: () => {
      heard.questions.push("roots");
      return { roots: [{ uri: answers.root, name: "root" }] };
    },
  };
}

/** A prompt by its name, or a resource template by its URI. */
export function referenceTo(reference: string) {
  if (reference.includes("://")) return { type: "ref/resource" as const, uri: reference };
  return { type: "ref/prompt" as const, name: reference };
}

/** The URLs of an error `-32042`; a user has been there when this returns. */
export function visitRequired(thrown: unknown, heard: Heard): boolean {
  if (typeof thrown !== "object" || thrown === null) return false;
  if (!("code" in thrown) || thrown.code !== -32042 || !("data" in thrown)) return false;
  const { elicitations } = thrown.data as { elicitations: { url: string }[] };
  heard.urls.push(...elicitations.map(({ url }) => url));
  return elicitations.length > 0;
}

/** `fetch`, and a promise of the first GET stream that is open. */
export function watchingStreams(): { readonly fetch: typeof fetch; readonly opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watching = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    if (init?.method === "GET" && response.ok) resolve();
    return response;
  };
  return { fetch: Object.assign(watching, { preconnect: fetch.preconnect }), opened: promise };
}
