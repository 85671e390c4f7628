/** An id of ours that leads to the process that gave it out: its mark, a dot, and what it is called there. */
export interface OwnedId {
  readonly mark: string;
  readonly name: string;
}

export function ownedId(mark: string, name: string): string {
  return `${mark}.${name}`;
}

/** `undefined` for what is no id of ours by its form. */
export function parseOwnedId(text: string): OwnedId | undefined {
  const dot = text.indexOf(".");
  return dot <= 0 ? undefined : { mark: text.slice(0, dot), name: text.slice(dot + 1) };
}
