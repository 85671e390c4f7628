/** A page in order of id. `limit` is at most 1,000. */
export interface PageRequest {
  /** The last id of the page before. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/**
 * What to change, or how it follows from the row: worked out within the write, when nobody else changes the row. What it
 * throws ends the write, and nothing is changed. `updatedAt` grows with every change.
 */
export type ChangeOf<Row, Change> = Change | ((row: Row) => Change);
/** Looks at the row to be removed within the write; what it throws ends the write. */
export type RemovalCheck<Row> = (row: Row) => void;
