/** One page of `tools/list` over 500 servers with 10,000 tools, of which each caller may see a part. */
import { join } from "node:path";
import { startUpstream, untilAnswered } from "./calls.ts";
import { mintKey, setUpGateway, startGateway } from "./gateway.ts";
import { HttpConnection } from "./http-connection.ts";
import { callRequest, listRequest, wireText } from "./requests.ts";
import { median } from "./statistics.ts";

const SERVERS = 500;
const TOOLS_EACH = 20;
const PAGE = 1_000;
const CALLERS = 9;
const REPEATS = 200;

export interface ToolsList {
  /** The first page that this set of permissions ever asked for. */
  readonly first_ms: number;
  readonly after_ms: number;
  readonly page_items: number;
  readonly page_kib: number;
  readonly rss_mb: number;
}

export async function measureToolsList(folder: string, root: string): Promise<ToolsList> {
  const upstream = await startUpstream();
  const servers = Array.from({ length: SERVERS }, (_, index) => ({
    name: `s${index}`,
    url: `http://127.0.0.1:${upstream.port}/tools/${TOOLS_EACH}/s${index}/mcp`,
  }));
  const gateway = await startGateway(await setUpGateway(root, join(folder, "tools-list"), servers));
  try {
    const { port } = gateway;
    const warm = await mintKey(gateway, ["*:*"]);
    for (let index = 0; index < SERVERS; index++)
      await untilAnswered(port, callRequest("/mcp", `s${index}__read_0`, warm), 60_000);
    const first: number[] = [];
    const after: number[] = [];
    let items = 0;
    let bytes = 0;
    const connection = await HttpConnection.open(port);
    const timed = async (request: string): Promise<number> => {
      const startedAt = performance.now();
      const answer = await connection.send(request);
      const tookMs = performance.now() - startedAt;
      const { body } = answer;
      items = (JSON.parse(body) as { result: { tools: unknown[] } }).result.tools.length;
      bytes = body.length;
      if (items !== PAGE) throw new Error(`a page of ${items} tools: ${body.slice(0, 300)}`);
      return tookMs;
    };
    for (let caller = 0; caller < CALLERS; caller++) {
      // Half of all tools, by a glob, and a server that is none: permissions no two callers share.
      const key = await mintKey(gateway, ["s*:read_*", `none-${caller}:*`]);
      const request = wireText(listRequest("/mcp", key), port);
      first.push(await timed(request));
      for (let i = 0; i < REPEATS; i++) after.push(await timed(request));
    }
    connection.close();
    return {
      first_ms: median(first),
      after_ms: median(after),
      page_items: items,
      page_kib: bytes / 1024,
      rss_mb: gateway.process.rssMib(),
    };
  } finally {
    await gateway.process.stop();
    await upstream.process.stop();
  }
}
