import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** How an upstream misbehaves, from the first request on a connection. */
export type Misbehaviour =
  /** Takes the connection and the request and never says a word. */
  | "hangs"
  /** Resets the connection as soon as a byte arrives. */
  | "resets"
  /** Answers with bytes that are no HTTP. */
  | "answers-garbage"
  /** A 200 with a JSON head and a body that is no JSON. */
  | "answers-broken-json"
  /** A sound answer to `tools/call`, one byte every 20 ms. */
  | "answers-slowly"
  /** The head and half of the body, then a reset. */
  | "dies-mid-answer"
  /** An SSE stream that starts, sends a comment and then hangs. */
  | "stream-hangs"
  /** A body without end: 1 MiB of spaces a time, as fast as it is read. */
  | "answers-endlessly";

export interface NastyUpstream {
  readonly url: string;
  /** How many requests (heads) arrived. */
  requests(): number;
  /** How many connections are open now. */
  open(): number;
  stop(): Promise<void>;
}

/** An upstream over raw TCP. It finishes no handshake: what it does, it does to every request. */
export async function startNasty(misbehaviour: Misbehaviour): Promise<NastyUpstream> {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (misbehaviour === "resets") {
        requests += 1;
        socket.resetAndDestroy();
        return;
      }
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const length = Number(/content-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const body = text.slice(end + 4, end + 4 + length);
        text = text.slice(end + 4 + length);
        requests += 1;
        void misbehave(socket, misbehaviour, body);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    requests: () => requests,
    open: () => sockets.size,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function head(headers: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 200 OK\r\n${lines.join("")}\r\n`;
}

async function misbehave(socket: Socket, misbehaviour: Misbehaviour, body: string): Promise<void> {
  const answer = soundAnswer(body);
  const json = { "content-type": "application/json", "content-length": Buffer.byteLength(answer) };
  switch (misbehaviour) {
    case "hangs":
    case "resets":
      return;
    case "answers-garbage":
      socket.end("\u0000\u0001 this is not the protocol you are looking for\r\n\r\n");
      return;
    case "answers-broken-json":
      socket.write(`${head({ "content-type": "application/json", "content-length": 9 })}{"jsonrpc`);
      return;
    case "answers-slowly":
      socket.write(head(json));
      for (const character of answer) {
        if (socket.destroyed) return;
        socket.write(character);
        await Bun.sleep(20);
      }
      return;
    case "dies-mid-answer":
      socket.write(head(json) + answer.slice(0, answer.length / 2), () => socket.resetAndDestroy());
      return;
    case "stream-hangs":
      socket.write(`${head({ "content-type": "text/event-stream" })}: here\n\n`);
      return;
    case "answers-endlessly": {
      socket.write(head({ "content-type": "application/json" }));
      const spaces = Buffer.alloc(1024 * 1024, 0x20);
      while (!socket.destroyed) {
        if (!socket.write(spaces)) await drained(socket);
      }
    }
  }
}

/** Resolves when the socket takes more, or is closed. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}

/** The answer a good server would give: an empty tool result under the request's own id. */
function soundAnswer(body: string): string {
  let id: unknown = null;
  try {
    id = (JSON.parse(body) as { id?: unknown }).id ?? null;
  } catch {
    // Then it is not a request, and the id does not matter.
  }
  return JSON.stringify({ jsonrpc: "2.0", id, result: { resultType: "complete", content: [] } });
}
