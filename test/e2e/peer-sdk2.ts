import {
  Client,
  LOG_LEVEL_META_KEY,
  SSEClientTransport,
  StreamableHTTPClientTransport,
  type Transport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { childEnvironment } from "./child.ts";
import {
  answerOf,
  type ClientKind,
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

/** A peer of the new SDK (2.x), negotiating as `kind` says. */
export async function connectSdk2(
  kind: Exclude<ClientKind, "sdk1-legacy">,
  target: Target,
  options: ConnectOptions,
): Promise<Peer> {
  const heard: Heard = { logs: [], changes: [], questions: [], urls: [] };
  const mode = {
    "sdk2-legacy": "legacy",
    "sdk2-auto": "auto",
    "sdk2-modern": { pin: "2026-07-28" },
  } as const;
  const client = new Client(clientInfo, {
    capabilities: options.isMute ? {} : capabilities,
    versionNegotiation: { mode: mode[kind] },
  });
  if (!options.isMute) {
    const user = respond(heard);
    client.setRequestHandler("elicitation/create", ({ params }) => user.elicitation(params));
    client.setRequestHandler("sampling/createMessage", ({ params }) => user.sampling(params));
    client.setRequestHandler("roots/list", () => user.roots());
  }
  client.setNotificationHandler("notifications/message", ({ params }) => void heard.logs.push(params.data));
  client.setNotificationHandler("notifications/tools/list_changed", () => void heard.changes.push("tools"));
  client.setNotificationHandler(
    "notifications/prompts/list_changed",
    () => void heard.changes.push("prompts"),
  );
  client.setNotificationHandler(
    "notifications/resources/list_changed",
    () => void heard.changes.push("resources"),
  );
  client.setNotificationHandler(
    "notifications/resources/updated",
    ({ params }) => void heard.changes.push(params.uri),
  );
  const streams = watchingStreams();
  const transport = transportTo(target, options.headers ?? {}, streams.fetch);
  await client.connect(transport);
  const era = client.getProtocolEra() === "modern" ? "modern" : "legacy";
  const close = async (): Promise<void> => {
    if (transport instanceof StreamableHTTPClientTransport)
      await transport.terminateSession().catch(() => undefined);
    await client.close();
  };
  return {
    kind,
    era,
    heard,
    // A test asks in order to hear the server, not the client's memory.
    tools: async () => (await client.listTools({}, { cacheMode: "refresh" })).tools.map((tool) => tool.name),
    visited: (thrown) => visitRequired(thrown, heard),
    call: async (name, args, call = {}) => {
      const logLevel = era === "modern" ? call.logLevel : undefined;
      return answerOf(
        await client.callTool(
          {
            name,
            arguments: { ...args },
            ...(logLevel === undefined ? {} : { _meta: { [LOG_LEVEL_META_KEY]: logLevel } }),
          },
          {
            timeout: call.timeoutMs ?? 20_000,
            ...(call.signal === undefined ? {} : { signal: call.signal }),
            ...(call.onProgress === undefined
              ? {}
              : { onprogress: ({ progress, total }) => call.onProgress?.(progress, total) }),
          },
        ),
      );
    },
    resources: async () =>
      (await client.listResources({}, { cacheMode: "refresh" })).resources.map((resource) => resource.uri),
    read: async (uri) => contentsOf(await client.readResource({ uri }, { cacheMode: "refresh" })),
    templates: async () =>
      (await client.listResourceTemplates({}, { cacheMode: "refresh" })).resourceTemplates.map(
        (template) => template.uriTemplate,
      ),
    prompts: async () =>
      (await client.listPrompts({}, { cacheMode: "refresh" })).prompts.map((prompt) => prompt.name),
    prompt: async (name, args) => promptTextOf(await client.getPrompt({ name, arguments: { ...args } })),
    complete: async (name, argument, value) =>
      (await client.complete({ ref: referenceTo(name), argument: { name: argument, value } })).completion
        .values,
    setLogLevel: async (level) => {
      if (era === "legacy") await client.setLoggingLevel(level);
    },
    subscribe: async (uris) => {
      if (era === "modern") {
        await client.listen({
          toolsListChanged: true,
          promptsListChanged: true,
          resourcesListChanged: true,
          resourceSubscriptions: [...uris],
        });
        return;
      }
      for (const uri of uris) await client.subscribeResource({ uri });
      // List changes come on the GET stream, which the SDK opens when it likes.
      if (typeof target === "string") await streams.opened;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
