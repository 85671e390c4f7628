import type { Arrival } from "../model/arrival.ts";

/** A request at the door, with the given headers. */
export function arrivalOf(headers: Record<string, string> = {}, over: Partial<Arrival> = {}): Arrival {
  const peerAddress = over.peerAddress ?? "127.0.0.1";
  return {
    request: new Request("http://gateway.test/mcp", { method: "POST", headers }),
    path: "/mcp",
    id: "0123456789abcdef",
    credential: "required",
    clientAddress: peerAddress,
    principal: undefined,
    closestLimit: undefined,
    ...over,
    peerAddress,
  };
}

/** What a policy of the door did: `passed`, or the name of its refusal. */
export async function verdict(run: () => unknown): Promise<string> {
  try {
    await run();
    return "passed";
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  }
}
