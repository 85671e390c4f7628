import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  gunzipSync,
  inflateSync,
} from "node:zlib";
import { HttpFailure } from "./http-exchange.ts";

/** Codings a server may use although only `identity` was asked for. */
export type ContentCoding = "gzip" | "deflate" | "br";

const DECODERS = {
  gzip: { whole: gunzipSync, stream: createGunzip },
  deflate: { whole: inflateSync, stream: createInflate },
  br: { whole: brotliDecompressSync, stream: createBrotliDecompress },
} as const;

/**
 * The coding a `Content-Encoding` value names; `undefined` for none.
 * @throws HttpFailure `protocol` for one that cannot be undone, or several
 */
export function contentCoding(value: string | undefined): ContentCoding | undefined {
  switch (value?.toLowerCase()) {
    case undefined:
    case "":
    case "identity":
      return undefined;
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "deflate":
      return "deflate";
    case "br":
      return "br";
    default:
      throw new HttpFailure("protocol", "The answer has a content coding nobody asked for.", true);
  }
}

/** @throws HttpFailure `too_large` where the decoded body exceeds the limit, `protocol` where it is damaged */
export function decodeWhole(coding: ContentCoding, body: Buffer, bodyBytesMax: number): Buffer {
  try {
    return DECODERS[coding].whole(body, { maxOutputLength: Math.max(1, bodyBytesMax) });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE")
      throw new HttpFailure("too_large", `The answer exceeds ${bodyBytesMax} bytes.`, true, cause);
    throw damaged(cause);
  }
}

type OnChunk = (chunk: Uint8Array) => void | Promise<void>;

/** Runs `source` (which delivers coded chunks) through the decoder; back-pressure reaches through both. */
export async function pipeDecoded(
  coding: ContentCoding,
  source: (onCoded: OnChunk) => Promise<void>,
  onChunk: OnChunk,
): Promise<void> {
  const decoder = DECODERS[coding].stream();
  let thrown: { readonly error: unknown } | undefined;
  const reading = (async () => {
    for await (const piece of decoder) {
      try {
        await onChunk(piece as Uint8Array);
      } catch (error) {
        thrown = { error };
        throw error;
      }
    }
  })();
  const writing = source((coded) => {
    return new Promise<void>((resolve, reject) => {
      decoder.once("close", reject);
      decoder.write(coded, (error) => {
        decoder.off("close", reject);
        if (error) reject(error);
        else resolve();
      });
    });
  }).then(
    () => decoder.end(),
    (error: unknown) => {
      decoder.destroy();
      throw error;
    },
  );
  const [read, written] = await Promise.allSettled([reading, writing]);
  if (thrown !== undefined) throw thrown.error;
  if (written.status === "rejected" && written.reason instanceof HttpFailure) throw written.reason;
  if (read.status === "rejected") throw damaged(read.reason);
  if (written.status === "rejected") throw damaged(written.reason);
}

function damaged(cause: unknown): HttpFailure {
  return new HttpFailure("protocol", "The answer's content coding is damaged.", true, cause);
}
