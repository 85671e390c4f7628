import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP relay that can be shut: the far side then looks frozen (bytes wait) or gone (connections reset and refused). */
export interface Valve {
  readonly port: number;
  turn(state: "open" | "frozen" | "gone"): void;
  stop(): Promise<void>;
}

export async function startValve(target: { readonly host: string; readonly port: number }): Promise<Valve> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: "open" | "frozen" | "gone" = "open";
  const server = createServer((near) => {
    near.on("error", () => undefined);
    if (state === "gone") {
      near.resetAndDestroy();
      return;
    }
    const far = connect(target.port, target.host);
    far.on("error", () => undefined);
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on("close", end);
    far.on("close", end);
    near.on("data", (bytes) => far.write(bytes));
    far.on("data", (bytes) => near.write(bytes));
    if (state === "frozen") for (const socket of pair) socket.pause();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    turn: (next) => {
      state = next;
      for (const [near, far] of pairs) {
        if (next === "gone") near.resetAndDestroy();
        else if (next === "frozen") for (const socket of [near, far]) socket.pause();
        else for (const socket of [near, far]) socket.resume();
      }
    },
    stop: async () => {
      for (const [near] of pairs) near.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
