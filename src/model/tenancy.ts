/** A tenant. Times in stored records are milliseconds since the epoch; absent values are `null`. */
export interface Organization {
  readonly id: string;
  /** `[a-z0-9-]{1,32}`, unique. */
  readonly slug: string;
  readonly name: string;
  readonly plan: string;
  readonly maxServers: number;
  readonly maxSessions: number;
  readonly logRetentionDays: number;
  readonly isActive: boolean;
  /** The configuration version at which anything of this organisation last changed. */
  readonly configVersion: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A division of an organisation; servers, sessions and keys live in one. */
export interface Namespace {
  readonly id: string;
  readonly organizationId: string;
  /** `[a-z0-9-]{1,32}`, unique within the organisation. */
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  /** Between server and tool on the wire. */
  readonly separator: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly updatedAt: number;
}
