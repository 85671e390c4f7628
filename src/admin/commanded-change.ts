/** What an act of the command line changed: for the record, as `Operation` has it, and for what remembers credentials. */
export interface CommandedChange {
  readonly action: string;
  readonly organizationId: string;
  readonly namespaceId: string | undefined;
  readonly target: string;
  /** Ids of the keys and users whose credentials are worth something else now. */
  readonly credentials: readonly string[];
  /** The object as the API shows it. */
  readonly before: object | undefined;
  readonly after: object | undefined;
}
