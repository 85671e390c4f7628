/**
 * A process that holds streams open: `bun stream-holder.ts PORT COUNT ERA KEY`. Of 2026-07-28 a stream is a subscription,
 * of older revisions the own stream of a session. Prints COUNT once all are open, then `ended` for each that ends by itself.
 */
import { argv } from "node:process";
import { openingRequest } from "./opening-request.ts";

const [portText = "", countText = "", era = "modern", key = ""] = argv.slice(2);
const port = Number(portText);
const count = Number(countText);
const AT_ONCE = 50;
let isHolding = false;

function wire(method: string, path: string, headers: Readonly<Record<string, string>>, body = ""): string {
  const all = { host: `localhost:${port}`, ...headers, "content-length": String(Buffer.byteLength(body)) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

const opening = openingRequest(era === "modern" ? "modern" : "legacy", key);
const first = wire("POST", "/mcp", opening.headers, opening.body);

/** What is sent next after all that was read so far; `undefined` while more must come, `open` when the stream stands. */
function reply(read: string): string | "open" | undefined {
  if (era === "modern") return read.includes("subscriptions/acknowledged") ? "open" : undefined;
  const session = /^mcp-session-id: (\S+)/im.exec(read)?.[1];
  if (session === undefined || !read.includes('"serverInfo"')) return undefined;
  if (/^content-type: text\/event-stream/im.test(read)) return "open";
  return wire("GET", "/mcp", {
    accept: "text/event-stream",
    authorization: `Bearer ${key}`,
    "mcp-session-id": session,
  });
}

function open(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let read = "";
  let isOpen = false;
  let asked = false;
  Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => {
        socket.write(first);
      },
      data: (socket, piece) => {
        if (isOpen) return;
        read += piece.toString("latin1");
        const next = reply(read);
        if (next === "open") {
          isOpen = true;
          read = "";
          resolve();
        } else if (next !== undefined && !asked) {
          asked = true;
          socket.write(next);
        } else if (/^HTTP\/1.1 [45]/m.test(read)) reject(new Error(read.slice(0, 300)));
      },
      close: () => {
        if (isHolding) console.log("ended");
        else reject(new Error(`a stream ended: ${read.slice(0, 300)}`));
      },
      error: (_, error) => reject(error),
    },
  }).catch(reject);
  return promise;
}

for (let opened = 0; opened < count; opened += AT_ONCE)
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened) }, open));
isHolding = true;
console.log(String(count));
// Nothing else to do; the sockets keep the process.
