/** A server as stored (table T4); the configuration compiler makes a `ServerDefinition` of it. */
export interface ServerRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly namespaceId: string;
  /** `[a-z0-9-]{1,32}`, unique within the namespace. */
  readonly name: string;
  readonly description: string;
  readonly protocol: string;
  readonly url: string | null;
  readonly command: string | null;
  readonly args: readonly string[];
  readonly workingDir: string | null;
  readonly version: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: string;
  readonly healthCheckUrl: string | null;
  readonly timeoutSeconds: number;
  readonly maxRetries: number;
  readonly isActive: boolean;
  /** Further settings of `ServerDefinition`, parsed by the configuration compiler. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Decrypted; encrypted at rest. `null` where the server has none of the three, or none that opens. */
  readonly secrets: ServerSecrets | null;
  /** Some of the secrets could not be opened: the master key that sealed them is not configured. They are not in `secrets`. */
  readonly secretsUnreadable: boolean;
  readonly createdBy: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What of a server is kept encrypted. */
export interface ServerSecrets {
  readonly environment?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly auth?: { readonly header: string; readonly value: string };
}

/** Those given take the place of what was there, `null` of them with nothing; what is not given stays, opened or not. */
export type SecretsChange = { readonly [K in keyof ServerSecrets]: ServerSecrets[K] | null };
