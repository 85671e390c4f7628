import { GatewayError } from "../errors/gateway-error.ts";

/** By column, as the API names it and as people do. Other columns are none that anybody chose. */
const MEMBERS: Readonly<Record<string, readonly [member: string, what: string]>> = {
  slug: ["slug", "Its slug"],
  name: ["name", "Its name"],
  username_lower: ["username", "Its user name"],
  email_lower: ["email", "Its e-mail address"],
  id: ["id", "Its id"],
};

/** @param column the last one of those that are unique together: those before it say within what */
export function alreadyExists(column: string, cause?: unknown): GatewayError {
  const [member, what] = MEMBERS[column] ?? [undefined, "It"];
  const errors = member === undefined ? undefined : [{ path: member, message: "exists already" }];
  return new GatewayError(
    "already_exists",
    { what },
    { ...(cause !== undefined && { cause }), ...(errors !== undefined && { data: { errors } }) },
  );
}
