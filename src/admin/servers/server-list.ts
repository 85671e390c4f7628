import type { z } from "zod";
import type { PageRequest } from "../../model/ports/row.ts";
import type { ServerRecord } from "../../model/server-record.ts";
import { pageQuery } from "../fields.ts";
import { pageOfFitting, searched, yesOrNo } from "../list-filter.ts";
import type { AdminParts } from "../parts.ts";
import { serverType } from "./server-body.ts";
import { serverStatus, statusOf } from "./server-view.ts";

/** What servers are asked for. */
export const serverQuery = {
  type: serverType.optional().describe("How they are reached."),
  active: yesOrNo("Whether they are to be served."),
  status: serverStatus.optional().describe("How this process sees them now."),
  search: searched("the name"),
  ...pageQuery,
};
export type ServerQuery = z.output<z.ZodObject<typeof serverQuery>>;

/** Reads the stored ones that fit. */
export function storedServers(
  parts: AdminParts,
  organizationId: string,
  { type: protocol, active: isActive, status, search }: ServerQuery,
  namespaceId: string | undefined,
): (page: PageRequest) => Promise<readonly ServerRecord[]> {
  const filter = { namespaceId, protocol, isActive, search };
  const read = (page: PageRequest) => parts.store.servers.list(organizationId, page, filter);
  if (status === undefined) return read;
  return (page) => pageOfFitting(read, page, ({ id }) => statusOf(parts.running(id)).status === status);
}
