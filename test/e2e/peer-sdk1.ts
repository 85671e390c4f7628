import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  PromptListChangedNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { childEnvironment } from "./child.ts";
import {
  answerOf,
  type ConnectOptions,
  capabilities,
  clientInfo,
  contentsOf,
  type Heard,
  type Peer,
  promptTextOf,
  referenceTo,
  respond,
  type Target,
  visitRequired,
  watchingStreams,
} from "./peer.ts";

function transportTo(
  target: Target,
  headers: Readonly<Record<string, string>>,
  watched: typeof fetch,
): Transport {
  const requestInit = { headers: { ...headers } };
  if (typeof target === "string") {
    return new StreamableHTTPClientTransport(new URL(target), { requestInit, fetch: watched });
  }
  if ("sse" in target) return new SSEClientTransport(new URL(target.sse), { requestInit });
  const { command, args } = target;
  return new StdioClientTransport({ command, args: [...args], env: childEnvironment(), stderr: "ignore" });
}

/** A peer of the old SDK (1.x). */
export async function connectSdk1(target: Target, options: ConnectOptions): Promise<Peer> {
  const heard: Heard = { logs: [], changes: [], questions: [], urls: [] };
  const client = new Client(clientInfo, { capabilities: options.isMute ? {} : capabilities });
  if (!options.isMute) {
    const user = respond(heard);
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => user.elicitation(params));
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => user.sampling(params));
    client.setRequestHandler(ListRootsRequestSchema, () => user.roots());
  }
  client.setNotificationHandler(
    LoggingMessageNotificationSchema,
    ({ params }) => void heard.logs.push(params.data),
  );
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.changes.push("tools"));
  client.setNotificationHandler(
    PromptListChangedNotificationSchema,
    () => void heard.changes.push("prompts"),
  );
  client.setNotificationHandler(
    ResourceListChangedNotificationSchema,
    () => void heard.changes.push("resources"),
  );
  client.setNotificationHandler(
    ResourceUpdatedNotificationSchema,
    ({ params }) => void heard.changes.push(params.uri),
  );
  const streams = watchingStreams();
  const transport = transportTo(target, options.headers ?? {}, streams.fetch);
  await client.connect(transport);
  const close = async (): Promise<void> => {
    if (transport instanceof StreamableHTTPClientTransport)
      await transport.terminateSession().catch(() => undefined);
    await client.close();
  };
  return {
    kind: "sdk1-legacy",
    era: "legacy",
    heard,
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    visited: (thrown) => visitRequired(thrown, heard),
    call: async (name, args, call = {}) =>
      answerOf(
        await client.callTool({ name, arguments: { ...args } }, undefined, {
          timeout: call.timeoutMs ?? 20_000,
          ...(call.signal === undefined ? {} : { signal: call.signal }),
          ...(call.onProgress === undefined
            ? {}
            : { onprogress: ({ progress, total }) => call.onProgress?.(progress, total) }),
        }),
      ),
    resources: async () => (await client.listResources()).resources.map((resource) => resource.uri),
    read: async (uri) => contentsOf(await client.readResource({ uri })),
    templates: async () =>
      (await client.listResourceTemplates()).resourceTemplates.map((template) => template.uriTemplate),
    prompts: async () => (await client.listPrompts()).prompts.map((prompt) => prompt.name),
    prompt: async (name, args) => promptTextOf(await client.getPrompt({ name, arguments: { ...args } })),
    complete: async (name, argument, value) =>
      (await client.complete({ ref: referenceTo(name), argument: { name: argument, value } })).completion
        .values,
    setLogLevel: async (level) => void (await client.setLoggingLevel(level)),
    subscribe: async (uris) => {
      for (const uri of uris) await client.subscribeResource({ uri });
      // List changes come on the GET stream, which the SDK opens when it likes.
      if (typeof target === "string") await streams.opened;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
