/** Another state of the repository to compare with: a worktree in a temporary folder, with packages of its own where they differ. */
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { run } from "./processes.ts";

export interface Checkout {
  readonly root: string;
  readonly commit: string;
  remove(): Promise<void>;
}

export async function checkOut(repository: string, ref: string, folder: string): Promise<Checkout> {
  const git = (...args: string[]) => run(["git", "-C", repository, ...args]);
  const commit = (await git("rev-parse", "--verify", `${ref}^{commit}`)).trim();
  const root = join(folder, "against");
  await git("worktree", "add", "--detach", "--force", root, commit);
  const remove = async (): Promise<void> => {
    await git("worktree", "remove", "--force", root);
  };
  try {
    const lock = (tree: string) => readFileSync(join(tree, "package-lock.json"), "utf8");
    if (lock(root) === lock(repository)) {
      symlinkSync(join(repository, "node_modules"), join(root, "node_modules"));
    } else {
      await run(["node", "scripts/dependencies.mjs", "--production"], { cwd: root, timeoutMs: 300_000 });
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { root, commit, remove };
}
