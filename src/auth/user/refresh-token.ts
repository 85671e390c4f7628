import type { Sealer } from "../../model/ports/sealer.ts";

/** Which refresh token of which sign-in; sealed, so that nobody can make one up and a copy of the store holds none. */
export interface RefreshTicket {
  readonly organizationId: string;
  readonly familyId: string;
  readonly generation: number;
}

const MARK = "mgr_";
const PURPOSE = "refresh-token";

export function sealRefreshToken(sealer: Sealer, ticket: RefreshTicket): string {
  const { organizationId, familyId, generation } = ticket;
  return MARK + sealer.seal(PURPOSE, `${organizationId} ${familyId} ${generation}`);
}

export function openRefreshToken(sealer: Sealer, token: string): RefreshTicket | undefined {
  if (!token.startsWith(MARK) || token.length > 512) return undefined;
  const [organizationId, familyId, generation] =
    sealer.open(PURPOSE, token.slice(MARK.length))?.split(" ") ?? [];
  if (organizationId === undefined || familyId === undefined || generation === undefined) return undefined;
  return { organizationId, familyId, generation: Number(generation) };
}
