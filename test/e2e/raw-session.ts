import { Events, type JsonRpc } from "../integration/http-gateway.ts";

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };

/** A 2025-11-25 client of raw HTTP: a test decides which message goes out when, and over which connection. */
export class RawSession {
  readonly url: string;
  readonly id: string;
  readonly #credential: Readonly<Record<string, string>>;

  private constructor(url: string, id: string, credential: Readonly<Record<string, string>>) {
    this.url = url;
    this.id = id;
    this.#credential = credential;
  }

  static async open(url: string, key?: string): Promise<RawSession> {
    const credential: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: { elicitation: {}, sampling: {}, roots: {} },
      clientInfo: { name: "raw", version: "1" },
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params });
    const headers = { ...HEADERS, ...credential };
    const answer = await fetch(url, { method: "POST", headers, body, keepalive: false });
    const id = answer.headers.get("mcp-session-id");
    if (id === null) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
    await answer.text();
    return new RawSession(url, id, credential);
  }

  post(message: object, url = this.url): Promise<Response> {
    const headers = { ...HEADERS, ...this.#credential, "mcp-session-id": this.id };
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    return fetch(url, { method: "POST", headers, body, keepalive: false });
  }

  /** The answer to a request, whatever came before it. */
  async request(
    method: string,
    params: object = {},
    id: string | number = crypto.randomUUID(),
  ): Promise<JsonRpc> {
    const answer = await this.post({ id, method, params });
    if (answer.headers.get("content-type")?.startsWith("text/event-stream") !== true) {
      return (await answer.json()) as JsonRpc;
    }
    const all = await new Events(answer).rest();
    const last = all.at(-1);
    if (last === undefined) throw new Error("a stream without an answer");
    return last;
  }

  async get(lastEventId?: string): Promise<Response> {
    const headers = {
      accept: "text/event-stream",
      ...this.#credential,
      "mcp-session-id": this.id,
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    };
    return fetch(this.url, { headers, keepalive: false });
  }

  delete(): Promise<Response> {
    const headers = { ...this.#credential, "mcp-session-id": this.id };
    return fetch(this.url, { method: "DELETE", headers, keepalive: false });
  }
}
