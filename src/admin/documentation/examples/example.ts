/** What the document shows of an operation: a body it takes, and what it answers to it. Tests hold each against its schema. */
export interface Example {
  readonly body?: unknown;
  readonly answer?: unknown;
}
export type Examples = Readonly<Record<string, Example>>;

/** Of one small organisation, so that the examples fit together. */
export const ids = {
  organization: "019ac1b2-0001-7c55-9d0a-2f6f3f0c7a11",
  namespace: "019ac1b2-0002-7c55-9d0a-2f6f3f0c7a11",
  server: "019ac1b2-0003-7c55-9d0a-2f6f3f0c7a11",
  user: "019ac1b2-0004-7c55-9d0a-2f6f3f0c7a11",
  key: "019ac1b2-0005-7c55-9d0a-2f6f3f0c7a11",
  policy: "019ac1b2-0006-7c55-9d0a-2f6f3f0c7a11",
  rateLimit: "019ac1b2-0007-7c55-9d0a-2f6f3f0c7a11",
  session: "019ac1b2-0008-7c55-9d0a-2f6f3f0c7a11",
  call: "019ac1b2-0009-7c55-9d0a-2f6f3f0c7a11",
} as const;
export const times = {
  created_at: "2026-11-02T09:30:00.000Z",
  updated_at: "2026-11-03T16:05:12.000Z",
} as const;
export const ownNamespace = { namespace: "default", namespace_id: ids.namespace } as const;

export const page = (item: unknown): Example => ({ answer: { items: [item], next_cursor: null } });
