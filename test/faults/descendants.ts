import { readdirSync, readFileSync } from "node:fs";

/** The processes below one, at any depth, as they are now. */
export function descendantsOf(pid: number): number[] {
  const childrenByParent = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      childrenByParent.set(parent, [...(childrenByParent.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended while we looked.
    }
  }
  const below = (parent: number): number[] =>
    (childrenByParent.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}
