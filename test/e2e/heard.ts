import { expect } from "bun:test";
import { Events, type JsonRpc } from "../integration/http-gateway.ts";
import { eventually } from "./child.ts";

export const WATCHED = "test://watched-resource";

/** What a stream said, as it comes. */
export class Heard {
  readonly messages: JsonRpc[] = [];
  readonly ids: string[] = [];
  readonly ended: Promise<void>;
  readonly events: Events;
  hasEnded = false;

  constructor(answer: Response) {
    expect(answer.status).toBe(200);
    this.events = new Events(answer);
    this.ended = this.#read();
  }
  async #read(): Promise<void> {
    for (let event = await this.events.next(); event !== undefined; event = await this.events.next()) {
      if (event.id !== undefined) this.ids.push(event.id);
      if (event.data !== "") this.messages.push(JSON.parse(event.data));
    }
    this.hasEnded = true;
  }
  get methods(): string[] {
    return this.messages.map(({ method }) => String(method));
  }
  get updates(): number {
    return this.methods.filter((method) => method === "notifications/resources/updated").length;
  }
  hasAll(methods: readonly string[]): boolean {
    return methods.every((method) => this.methods.includes(method));
  }
  clear(): void {
    this.messages.length = 0;
  }
}

const accept = "application/json, text/event-stream";
export const headersOf = (key: string, more = {}) => ({
  ...{ authorization: `Bearer ${key}`, "content-type": "application/json", accept },
  ...more,
});
export const post = (url: string, headers: Record<string, string>, message: object) =>
  fetch(url, {
    method: "POST",
    headers,
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    keepalive: false,
  });

export async function listen(url: string, key: string): Promise<Heard> {
  const notifications = {
    ...{ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
    resourceSubscriptions: [WATCHED],
  };
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const headers = headersOf(key, {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "subscriptions/listen",
  });
  const message = { id: "l", method: "subscriptions/listen", params: { notifications, _meta } };
  const heard = new Heard(await post(url, headers, message));
  await eventually("it is acknowledged", async () => heard.messages[0]?.method);
  expect(heard.messages[0]?.params).toMatchObject({ notifications: { resourceSubscriptions: [WATCHED] } });
  heard.clear();
  return heard;
}

/** A 2025-11-25 session with its own stream, subscribed. */
export async function legacySession(url: string, key: string) {
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "l", version: "1" } };
  const begun = await post(url, headersOf(key), { id: 0, method: "initialize", params });
  const headers = headersOf(key, { "mcp-session-id": begun.headers.get("mcp-session-id") ?? "" });
  await begun.text();
  const stream = async (lastEventId?: string) => {
    const more: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const answer = await fetch(url, {
      headers: { ...headers, ...more, accept: "text/event-stream" },
      keepalive: false,
    });
    return new Heard(answer);
  };
  const heard = await stream();
  const subscribed = await post(url, headers, {
    ...{ id: 1, method: "resources/subscribe", params: { uri: WATCHED } },
  });
  expect(await subscribed.text()).toContain('"result"');
  return { heard, stream, headers };
}
