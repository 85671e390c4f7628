import { GatewayError } from "../errors/gateway-error.ts";

/** An error outside the MCP endpoints as problem details (RFC 9457). Nothing of the private cause appears. */
export function problemResponse(
  thrown: unknown,
  correlationId: string,
  headers: Readonly<Record<string, string>>,
): Response {
  const error = GatewayError.from(thrown);
  const body = {
    type: `urn:mcp-gateway:error:${error.code}`,
    title: error.message,
    status: error.httpStatus,
    code: error.code,
    correlation_id: correlationId,
    ...(error.data !== undefined && { data: error.data }),
  };
  return new Response(JSON.stringify(body), {
    status: error.httpStatus,
    headers: { ...headers, "content-type": "application/problem+json" },
  });
}
