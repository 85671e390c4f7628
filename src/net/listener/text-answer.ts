/** A long body, which is written where it is sent from. */
export interface WrittenBody {
  /** In UTF-8. */
  readonly byteLength: number;
  /** In UTF-8, `byteLength` from `at` on. */
  writeInto(buffer: Buffer, at: number): void;
  toString(): string;
}

type Fields = Readonly<Record<string, string>>;

/** An answer whose body is there as a whole: most are, and need nothing of what a `Response` brings along. */
export class TextAnswer {
  readonly status: number;
  readonly headers: Fields;
  readonly body: string | WrittenBody | null;
  /** Further header lines, ready to be written: each `name: value` in ASCII, with its CR LF. */
  moreLines = "";

  /** @param headers each once, in lower case; what no header can hold is written as "?" */
  constructor(status: number, headers: Fields, body: string | WrittenBody | null) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  static json(status: number, headers: Fields, text: string | WrittenBody): TextAnswer {
    return new TextAnswer(status, { "content-type": "application/json", ...headers }, text);
  }

  /** For those who deal in `Response`s: other processes of the installation. */
  toResponse(): Response {
    const response = new Response(this.body?.toString() ?? null, {
      status: this.status,
      headers: this.headers,
    });
    for (const line of this.moreLines.split("\r\n")) {
      const [name = "", value] = line.split(": ", 2);
      if (value !== undefined) response.headers.set(name, value);
    }
    return response;
  }
}

/** What a listener can send; a `Response` where the body is a stream. */
export type HttpAnswer = TextAnswer | Response;

export function responseOf(answer: HttpAnswer): Response {
  return answer instanceof TextAnswer ? answer.toResponse() : answer;
}
