import { z } from "zod";
import { GatewayError } from "../errors/gateway-error.ts";

/** Shapes of the JSON columns: what does not fit is refused before it is written. */
export const textList = z.array(z.string()).readonly();
export const textMap = z.record(z.string(), z.string()).readonly();
export const jsonMap = z.record(z.string(), z.json()).readonly();
export const serverSecrets = z
  .object({
    environment: textMap.optional(),
    headers: textMap.optional(),
    auth: z.object({ header: z.string(), value: z.string() }).readonly().optional(),
  })
  .readonly();

/** @throws GatewayError `invalid_params`, naming the column and never the value. */
export function checked<T>(schema: z.ZodType<T>, column: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = [column, ...(issue?.path ?? [])].join(".");
  throw new GatewayError("invalid_params", { detail: `${path} has the wrong shape` });
}
