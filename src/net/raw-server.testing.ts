import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** A TCP server for tests: calls `onRequest` for each whole request it reads, with the socket to answer on. */
export interface RawServer {
  readonly url: string;
  /** Whole requests read, over all connections. */
  readonly requests: string[];
  readonly connections: Socket[];
  close(): void;
}

export async function rawServer(
  onRequest: (socket: Socket, request: string, index: number) => void,
  onConnection: (socket: Socket) => void = () => {},
): Promise<RawServer> {
  const requests: string[] = [];
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on("error", () => {});
    socket.setNoDelay(true);
    onConnection(socket);
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      for (;;) {
        const end = text.indexOf("\r\n\r\n");
        if (end === -1) return;
        const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const request = text.slice(0, end + 4 + length);
        text = text.slice(end + 4 + length);
        requests.push(request);
        onRequest(socket, request, requests.length - 1);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    connections,
    close() {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
}
