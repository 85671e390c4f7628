import { connect } from "node:net";
import { freePort, keptBy, leftOut, type PrivateServer, startProgram, temporaryFolder } from "./program.ts";

/** A server nobody else uses, for tests that freeze or stop it. `undefined` where there is no Redis. */
export async function privateRedis(): Promise<PrivateServer | undefined> {
  const command = Bun.which("redis-server") ?? Bun.which("valkey-server");
  if (command === null) return leftOut("Redis");
  const folder = temporaryFolder("redis");
  const port = await freePort();
  const settings = { bind: "127.0.0.1", port: String(port), save: "", appendonly: "no", dir: folder };
  const program = await startProgram({
    folder,
    command,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    stopSignal: "SIGTERM",
    ready: () => answersPing(port),
  });
  return { url: `redis://127.0.0.1:${port}/0`, ...keptBy(program) };
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once("data", (data) => {
      resolve(data.toString().startsWith("+PONG"));
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}

let server: Promise<string | undefined> | undefined;

/** URL of the run's Redis: the one of `MCP_GATEWAY_TEST_REDIS`, or a private one started by the first who asks. */
export function redisUrl(): Promise<string | undefined> {
  const given = process.env.MCP_GATEWAY_TEST_REDIS;
  if (given) return Promise.resolve(given);
  server ??= privateRedis().then((started) => started?.url);
  return server;
}
