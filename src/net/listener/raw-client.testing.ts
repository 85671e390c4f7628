import { connect, type Socket } from "node:net";

/** A client that sends exactly the bytes it is told to. */
export class RawClient {
  text = "";
  readonly socket: Socket;
  readonly closed: Promise<string>;
  constructor(server: { readonly port: number }) {
    this.socket = connect(server.port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("data", (bytes) => {
      this.text += bytes.toString("latin1");
    });
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve(this.text)));
  }
  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }
  /** What came, once `found` is in it. @throws Error that shows what came instead */
  async until(found: string | RegExp, ms = 5_000): Promise<string> {
    const end = performance.now() + ms;
    while (!(typeof found === "string" ? this.text.includes(found) : found.test(this.text))) {
      if (performance.now() > end)
        throw new Error(`not seen: ${String(found)} in ${JSON.stringify(this.text)}`);
      await Bun.sleep(2);
    }
    return this.text;
  }
}
/** Bodies of the answers in `text`, each with a Content-Length. */
export function bodies(text: string): string[] {
  const found: string[] = [];
  let rest = text;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n") + 4;
    const length = Number(/content-length: (\d+)/.exec(rest.slice(0, end))?.[1]);
    found.push(rest.slice(end, end + length));
    rest = rest.slice(end + length);
  }
  return found;
}
