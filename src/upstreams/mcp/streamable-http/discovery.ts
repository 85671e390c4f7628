import type { HttpResponse } from "../../../net/http-exchange.ts";
import { isObject, type JsonObject } from "../../../protocol/json-value.ts";
import { RpcCode } from "../../../protocol/jsonrpc.ts";
import { Meta } from "../../../protocol/meta.ts";
import { MODERN_REVISION } from "../../../protocol/revision.ts";
import { httpFailure, UpstreamFailure } from "../failure.ts";
import { type IncomingMessage, isErrorBody, readMessage, requestText } from "../message.ts";
import { systemCall } from "../system-call.ts";
import { readStream } from "./answer-stream.ts";
import { type HttpEndpoint, isEventStream } from "./endpoint.ts";
import { hopMeta, mirroredHeaders, modernHeaders } from "./modern-request.ts";

/** What `server/discover` said. */
export interface Discovery {
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  readonly serverInfo: JsonObject | undefined;
}

export type DiscoveryAnswer =
  | { readonly kind: "modern"; readonly discovery: Discovery }
  /** Not a modern server, as far as this answer tells. */
  | { readonly kind: "other" };

/**
 * The probe of era detection: `server/discover`.
 * @throws UpstreamFailure where the answer is no evidence: 401, 403, 429, 5xx, no connection
 */
export async function discover(
  endpoint: HttpEndpoint,
  info: JsonObject,
  timeoutMs: number,
): Promise<DiscoveryAnswer> {
  const { server } = endpoint;
  const call = systemCall("server/discover", {}, info, timeoutMs);
  const timer = setTimeout(() => call.cancellation.cancel("deadline"), timeoutMs);
  const meta = hopMeta({}, JSON.stringify(info));
  try {
    const headers = modernHeaders(endpoint) + mirroredHeaders(call);
    const response = await endpoint.post(headers, requestText(1, call, meta), call.cancellation, timeoutMs);
    const { status } = response;
    if (status === 401 || status === 403 || status === 429 || status >= 500) {
      response.abort();
      throw new UpstreamFailure("upstream_refused", { server, status }, { status });
    }
    const message = await onlyMessage(response, server, endpoint.limits.resultBytesMax);
    return message === undefined ? { kind: "other" } : verdict(message, server);
  } catch (thrown) {
    throw httpFailure(thrown, server, call, endpoint.limits.resultBytesMax);
  } finally {
    clearTimeout(timer);
  }
}

async function onlyMessage(
  response: HttpResponse,
  server: string,
  bytesMax: number,
): Promise<IncomingMessage | undefined> {
  const contentType = response.header("content-type");
  if (isEventStream(contentType)) {
    let answer: IncomingMessage | undefined;
    const end = await readStream(response, server, "server/discover", bytesMax, (message) => {
      if (message.value.method !== undefined) return false;
      answer = message;
      return true;
    });
    if (answer === undefined && end.thrown !== undefined) throw end.thrown;
    return answer;
  }
  const text = await response.text();
  try {
    return readMessage(text, server, "server/discover");
  } catch {
    return undefined;
  }
}

function verdict(message: IncomingMessage, server: string): DiscoveryAnswer {
  const { result, error } = message.value;
  if (isObject(result)) {
    const versions = result.supportedVersions;
    if (!Array.isArray(versions) || !versions.includes(MODERN_REVISION)) return { kind: "other" };
    const serverInfo = isObject(result._meta) ? result._meta[Meta.serverInfo] : undefined;
    return {
      kind: "modern",
      discovery: {
        capabilities: isObject(result.capabilities) ? result.capabilities : {},
        instructions: typeof result.instructions === "string" ? result.instructions : undefined,
        serverInfo: isObject(serverInfo)
          ? serverInfo
          : isObject(result.serverInfo)
            ? result.serverInfo
            : undefined,
      },
    };
  }
  if (!isErrorBody(error)) return { kind: "other" };
  if (error.code === RpcCode.headerMismatch || error.code === RpcCode.missingClientCapability) {
    throw new UpstreamFailure("upstream_protocol_error", { server }, { cause: error });
  }
  return { kind: "other" };
}
