import type { JsonObject } from "../../protocol/json-value.ts";
import type { AdminParts } from "../parts.ts";

/** As the server listed them, where it is there. */
export function annotationsOf(
  parts: AdminParts,
  organizationId: string,
  namespaceSlug: string,
  server: string,
  tool: string,
): JsonObject {
  const namespace = parts.organization(organizationId)?.namespacesBySlug.get(namespaceSlug);
  const id = namespace?.servers.find(({ name }) => name === server)?.id;
  const entry =
    id === undefined ? undefined : parts.running(id)?.part?.entries.tools.find(({ name }) => name === tool);
  const annotations = entry?.definition.annotations;
  return typeof annotations === "object" && annotations !== null && !Array.isArray(annotations)
    ? annotations
    : {};
}
