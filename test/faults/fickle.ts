import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** What the server does to `tools/call`, and where it is down or refuses, to everything. */
export type Mood =
  | "well"
  | "hangs"
  | "resets"
  | "answers-garbage"
  | "answers-broken-json"
  | "dies-mid-answer"
  /** Takes no connection. */
  | "refuses";

/** A 2026-07-28 echo server over raw TCP that can fall ill and recover, and counts what it read. */
export interface Fickle {
  readonly url: string;
  /** How often each nonce was read, in any mood. */
  readonly nonces: Map<string, number>;
  turn(mood: Mood): void;
  stop(): Promise<void>;
}

interface Message {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: { readonly arguments?: { readonly nonce?: string } };
}

export async function startFickle(wantedPort = 0): Promise<Fickle> {
  const nonces = new Map<string, number>();
  const sockets = new Set<Socket>();
  let mood: Mood = "well";

  function answer(socket: Socket, body: string): void {
    const message: Message = JSON.parse(body);
    const nonce = message.params?.arguments?.nonce;
    if (nonce !== undefined) nonces.set(nonce, (nonces.get(nonce) ?? 0) + 1);
    const text = JSON.stringify({ jsonrpc: "2.0", id: message.id ?? null, result: resultOf(message) });
    if (mood === "well") socket.write(head(text.length) + text);
    else misbehave(socket, mood, text);
  }

  const server: Server = createServer((socket) => {
    if (mood === "refuses") {
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const length = Number(/content-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const body = text.slice(end + 4, end + 4 + length);
        text = text.slice(end + 4 + length);
        if (body === "") socket.write("HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n");
        else answer(socket, body);
      }
    });
  });
  server.listen(wantedPort, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    nonces,
    turn: (next) => {
      mood = next;
      if (next === "refuses") for (const socket of sockets) socket.destroy();
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function head(length: number): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
}

function misbehave(socket: Socket, mood: Exclude<Mood, "well">, text: string): void {
  switch (mood) {
    case "hangs":
      return;
    case "resets":
    case "refuses":
      socket.resetAndDestroy();
      return;
    case "answers-garbage":
      socket.end("\u0000\u0001 no protocol at all\r\n\r\n");
      return;
    case "answers-broken-json":
      socket.write(`${head(9)}{"jsonrpc`);
      return;
    case "dies-mid-answer":
      socket.write(head(text.length) + text.slice(0, text.length / 2), () => socket.resetAndDestroy());
  }
}

const echoTool = {
  name: "echo",
  description: "Gives the nonce back",
  inputSchema: { type: "object", properties: { nonce: { type: "string" } }, required: ["nonce"] },
};

function resultOf({ method, params }: Message): Record<string, unknown> {
  const cached = { resultType: "complete", ttlMs: 60_000, cacheScope: "public" };
  switch (method) {
    case "server/discover":
      return { ...cached, supportedVersions: ["2026-07-28"], capabilities: { tools: {} } };
    case "tools/list":
      return { ...cached, tools: [echoTool] };
    default:
      return {
        resultType: "complete",
        content: [{ type: "text", text: String(params?.arguments?.nonce) }],
      };
  }
}
