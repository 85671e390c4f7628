/** Closed-loop load with wrk: as many calls as its connections can make, each waiting for its answer. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./processes.ts";
import { type RequestSpec, wireText } from "./requests.ts";

export interface LoadResult {
  readonly requests: number;
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Separates requests in the file that the script reads. */
const SEPARATOR = "\0";
let scripts = 0;

/** Writes the script that sends these requests, one after the other. @returns its path */
export function writeScript(folder: string, port: number, specs: readonly RequestSpec[]): string {
  const path = join(folder, `load-${scripts++}.lua`);
  const requests = `${path}.requests`;
  writeFileSync(requests, specs.map((spec) => wireText(spec, port)).join(SEPARATOR));
  writeFileSync(
    path,
    `local requests, at = {}, 0
local file = io.open(${JSON.stringify(requests)}, "rb")
for one in file:read("*a"):gmatch("[^%z]+") do requests[#requests + 1] = one end
file:close()
local first, count = requests[1], #requests
if count == 1 then
  function request() return first end
else
  function request()
    at = at % count + 1
    return requests[at]
  end
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\\n{"requests":%d,"duration":%d,"failed":%d,"p50":%d,"p99":%d}\\n', summary.requests,
    summary.duration, errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`,
  );
  return path;
}

/** @throws Error where a single answer was missing or not 2xx */
export async function load(
  port: number,
  script: string,
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const command = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script];
  const text = await run([...command, `http://127.0.0.1:${port}/`], { timeoutMs: (seconds + 20) * 1000 });
  const line = text.split("\n").find((candidate) => candidate.startsWith("{"));
  if (line === undefined) throw new Error(`wrk said: ${text}`);
  const { requests, duration, failed, p50, p99 } = JSON.parse(line) as Record<string, number>;
  if (failed !== 0 || !requests || !duration) throw new Error(`${failed} of ${requests} calls failed`);
  return {
    requests,
    rps: (requests * 1e6) / duration,
    p50Ms: (p50 ?? 0) / 1000,
    p99Ms: (p99 ?? 0) / 1000,
  };
}
