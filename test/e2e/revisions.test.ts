import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { headersFor } from "../faults/load.ts";
import { revisions, revisionServers as servers } from "./era-matrix.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { startVerbatim, type Upstream, verbatimStdioEntry } from "./upstreams.ts";

// Every published revision on both faces, and that nothing a library would drop is lost on the way: the server gives back
// the text of what it heard, and this client reads the text of what it gets.

const TIMEOUT_MS = 30_000;
const MODERN = "2026-07-28";

let upstreams: readonly Upstream[] = [];
let gateway: Gateway;

beforeAll(async () => {
  const remote = servers.filter(({ transport }) => transport !== "stdio");
  upstreams = await Promise.all(
    remote.map(({ revision, transport }) => startVerbatim(revision, transport as "http" | "sse")),
  );
  gateway = await startGateway({
    servers: [
      ...remote.map(({ name, transport }, index) => ({
        name,
        type: transport === "sse" ? ("sse" as const) : ("streamable-http" as const),
        connection: { url: upstreams[index]?.url ?? "", timeout: "20s" },
      })),
      ...servers
        .filter(({ transport }) => transport === "stdio")
        .map(({ name, revision }) => verbatimStdioEntry(name, revision)),
    ],
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await Promise.all(upstreams.map((upstream) => upstream.stop()));
}, TIMEOUT_MS);

const ARGUMENTS = `{"big":9007199254740993,"huge":1e400,"minus":-0,"x":{"y":[1.50,"π"]}}`;

/** A client of one revision that speaks raw HTTP. */
class Client {
  readonly #url: string;
  readonly #revision: string;
  #session: string | undefined;

  private constructor(url: string, revision: string) {
    this.#url = url;
    this.#revision = revision;
  }

  static async connect(url: string, revision: string): Promise<Client> {
    const client = new Client(url, revision);
    if (revision === MODERN) return client;
    const clientInfo = { name: "raw", version: "1" };
    const params = { protocolVersion: revision, capabilities: {}, clientInfo };
    const response = await client.#post(
      JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }),
    );
    expect(JSON.parse(await textOf(response)).result.protocolVersion).toBe(revision);
    client.#session = response.headers.get("mcp-session-id") ?? undefined;
    expect(client.#session).toBeString();
    const initialized = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
    expect((await client.#post(initialized)).status).toBe(202);
    return client;
  }

  /** The text of the answer. `params` is the inside of a JSON object. */
  async request(method: string, params = "", name?: string): Promise<string> {
    const envelope = `"io.modelcontextprotocol/protocolVersion":"${MODERN}","io.modelcontextprotocol/clientCapabilities":{},`;
    const meta = `"_meta":{${this.#revision === MODERN ? envelope : ""}"example.org/from":"client"}`;
    const body = `{"jsonrpc":"2.0","id":7,"method":"${method}","params":{${params === "" ? "" : `${params},`}${meta}}}`;
    const response = await this.#post(body, method, name);
    expect(response.status).toBe(200);
    return textOf(response);
  }

  async batch(messages: readonly object[]): Promise<unknown> {
    return JSON.parse(await textOf(await this.#post(JSON.stringify(messages))));
  }

  #post(body: string, method = "", name?: string): Promise<Response> {
    const legacy = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(this.#session !== undefined && { "mcp-session-id": this.#session }),
      // The header came with 2025-06-18.
      ...(this.#session !== undefined &&
        this.#revision >= "2025-06-18" && { "mcp-protocol-version": this.#revision }),
    };
    const headers = this.#revision === MODERN ? headersFor(method, name) : legacy;
    return fetch(this.#url, { method: "POST", headers, body });
  }
}

async function textOf(response: Response): Promise<string> {
  const text = await response.text();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  return isStream ? (text.match(/^data: (\{.*|\[.*)$/m)?.[1] ?? "") : text;
}

describe.each(revisions.map((revision) => ({ revision })))("a client of $revision", ({ revision }) => {
  for (const server of servers) {
    test(
      `and a server of ${server.revision} over ${server.transport}: nothing is lost`,
      async () => {
        const client = await Client.connect(gateway.mcpUrl(server.name), revision);
        const listed = await client.request("tools/list");
        expect(listed).toContain(`"x-schema":18446744073709551615`);
        expect(listed).toContain(`"x-tool":{"any":null}`);
        const answer = await client.request(
          "tools/call",
          `"name":"verbatim","arguments":${ARGUMENTS},"x-param":12345678901234567890`,
          "verbatim",
        );
        expect(answer).toContain(`"x-block":[1.0,-0]`);
        expect(answer).toContain(`"x-result":{"big":9007199254740993,"huge":1e400}`);
        expect(answer).toContain(`"example.org/mark":"kept"`);
        expect(answer.includes(`"resultType":"complete"`)).toBe(revision === MODERN);
        const heard: string = JSON.parse(answer).result["x-heard"];
        expect(heard).toContain(`"arguments":${ARGUMENTS}`);
        expect(heard).toContain(`"x-param":12345678901234567890`);
        expect(heard).toContain(`"example.org/from":"client"`);
        expect(heard.includes("io.modelcontextprotocol/protocolVersion")).toBe(server.revision === MODERN);
      },
      TIMEOUT_MS,
    );
  }
});

test("a batch is of 2025-03-26 alone, at a server of every revision", async () => {
  const call = (id: number) => ({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name: "verbatim", arguments: {} },
  });
  for (const server of servers) {
    const client = await Client.connect(gateway.mcpUrl(server.name), "2025-03-26");
    const answers = (await client.batch([call(1), call(2)])) as { id: number; result: object }[];
    expect(answers.map(({ id }) => id).sort()).toEqual([1, 2]);
    expect(answers.every(({ result }) => "x-heard" in result)).toBe(true);
  }
});
