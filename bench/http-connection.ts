/** One keep-alive connection on a raw socket: a request at a time, as little work per answer as possible. */
import type { Socket } from "bun";

export class Answer {
  readonly status: number;
  readonly #pieces: readonly Buffer[];

  constructor(status: number, pieces: readonly Buffer[]) {
    this.status = status;
    this.#pieces = pieces;
  }

  /** Put together when asked for, so that reading it is not part of the time an answer took. */
  get body(): string {
    return Buffer.concat(this.#pieces).toString();
  }
}

interface Pending {
  readonly keepBody: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class HttpConnection {
  #socket: Socket | undefined;
  #pending: Pending | undefined;
  /** What came of a head that was not there as a whole. */
  #begun: Buffer | undefined;
  #pieces: Buffer[] = [];
  /** Bytes of the body still to come; -1 until the head is read, -2 for a chunked body. */
  #left = -1;
  #status = 0;
  #unsent: Uint8Array | undefined;

  static async open(port: number): Promise<HttpConnection> {
    const connection = new HttpConnection();
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => {
          connection.#socket = socket;
        },
        data: (_, bytes) => connection.#onData(bytes),
        drain: () => connection.#flush(),
        close: () => connection.#fail(new Error("the connection was closed")),
        error: (_, error) => connection.#fail(error),
      },
    });
    return connection;
  }

  /** @param keepBody false leaves the body unread, for load */
  send(bytes: Uint8Array | string, keepBody = true): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#socket === undefined) return reject(new Error("the connection is closed"));
      this.#pending = { keepBody, resolve, reject };
      this.#unsent = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
      this.#flush();
    });
  }

  close(): void {
    this.#socket?.end();
  }

  #flush(): void {
    if (this.#unsent === undefined || this.#socket === undefined) return;
    const sent = this.#socket.write(this.#unsent);
    this.#unsent = sent < this.#unsent.length ? this.#unsent.subarray(sent) : undefined;
  }

  #onData(bytes: Buffer): void {
    if (this.#left !== -1) return this.#onBody(bytes);
    const received = this.#begun === undefined ? bytes : Buffer.concat([this.#begun, bytes]);
    const end = received.indexOf("\r\n\r\n");
    this.#begun = end < 0 ? received : undefined;
    if (end < 0) return;
    const head = received.toString("latin1", 0, end);
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#left = length === undefined ? -2 : Number(length);
    this.#onBody(received.subarray(end + 4));
  }

  #onBody(bytes: Buffer): void {
    if (this.#pending?.keepBody === true || this.#left === -2) this.#pieces.push(bytes);
    if (this.#left === -2) {
      const tail = bytes.length >= 5 ? bytes : Buffer.concat(this.#pieces.slice(-5));
      if (tail.toString("latin1", tail.length - 5) !== "0\r\n\r\n") return;
    } else {
      this.#left -= bytes.length;
      if (this.#left > 0) return;
    }
    const pending = this.#pending;
    const answer = new Answer(this.#status, this.#pieces);
    this.#pending = undefined;
    this.#pieces = [];
    this.#left = -1;
    pending?.resolve(answer);
  }

  #fail(error: Error): void {
    this.#socket = undefined;
    this.#pending?.reject(error);
    this.#pending = undefined;
  }
}
