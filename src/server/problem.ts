import { GatewayError } from "../errors/gateway-error.ts";
import { TextAnswer } from "../net/listener/text-answer.ts";

/** The same for every occurrence of an error, as RFC 9457 wants it: the words of its code. */
function titleOf(code: string): string {
  return code.charAt(0).toUpperCase() + code.slice(1).replaceAll("_", " ");
}

/** An error outside the MCP endpoints as problem details (RFC 9457). Nothing of the private cause appears. */
export function problemAnswer(
  thrown: unknown,
  correlationId: string,
  headers: Readonly<Record<string, string>>,
): TextAnswer {
  const error = GatewayError.from(thrown);
  const body = {
    type: `urn:mcp-gateway:error:${error.code}`,
    title: titleOf(error.code),
    status: error.httpStatus,
    detail: error.message,
    code: error.code,
    correlation_id: correlationId,
    ...(error.data !== undefined && { data: error.data }),
  };
  const fields = { "cache-control": "no-store", ...headers, "content-type": "application/problem+json" };
  return new TextAnswer(error.httpStatus, fields, JSON.stringify(body));
}
