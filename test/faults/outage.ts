import type { PrivateServer } from "../servers/program.ts";
import { descendantsOf } from "./descendants.ts";
import { startValve } from "./valve.ts";

/** A server as a gateway reaches it, and a way to take it from it. */
export interface Outage {
  readonly url: string;
  begin(): void;
  end(): void;
  stop(): Promise<void>;
}

/** Behind a relay that is shut: bytes wait (`frozen`), or connections are reset and refused (`gone`). */
export async function behindValve(url: string, away: "frozen" | "gone"): Promise<Outage> {
  const through = new URL(url);
  const valve = await startValve({ host: through.hostname, port: Number(through.port) });
  through.hostname = "127.0.0.1";
  through.port = String(valve.port);
  return {
    url: through.href,
    begin: () => valve.turn(away),
    end: () => valve.turn("open"),
    stop: valve.stop,
  };
}

/** All processes of the server stopped by SIGSTOP: the system takes connections and bytes, and nobody answers. */
export function bySignal(server: PrivateServer, url: string): Outage {
  const signal = (name: "SIGSTOP" | "SIGCONT"): void => {
    for (const pid of descendantsOf(server.keeperPid)) process.kill(pid, name);
  };
  return {
    url,
    begin: () => signal("SIGSTOP"),
    end: () => signal("SIGCONT"),
    stop: async () => signal("SIGCONT"),
  };
}
