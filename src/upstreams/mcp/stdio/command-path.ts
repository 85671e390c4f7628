import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";

/**
 * The file a command names, found as `execvp` finds it: through PATH, unless it holds a slash.
 * @throws Error with the reason for the operator
 */
export function commandPath(command: string, path: string | undefined, workingDir: string): string {
  if (command.includes("/")) {
    const file = isAbsolute(command) ? command : resolve(workingDir, command);
    const verdict = executable(file);
    if (verdict === "yes") return file;
    throw new Error(
      verdict === "absent" ? `command ${command} not found` : `command ${command} is not executable`,
    );
  }
  if (command === "") throw new Error("no command is configured");
  let denied = false;
  for (const folder of (path ?? "").split(delimiter)) {
    // An empty entry means the current directory to execvp; a gateway never wants that.
    if (folder === "") continue;
    const file = join(isAbsolute(folder) ? folder : resolve(workingDir, folder), command);
    const verdict = executable(file);
    if (verdict === "yes") return file;
    if (verdict === "denied") denied = true;
  }
  throw new Error(
    denied ? `command ${command} in PATH is not executable` : `command ${command} not found in PATH`,
  );
}

/** @throws Error with the reason for the operator */
export function checkWorkingDir(workingDir: string): void {
  if (statSync(workingDir, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new Error(`working directory ${workingDir} does not exist`);
}

function executable(file: string): "yes" | "denied" | "absent" {
  try {
    if (!statSync(file).isFile()) return "absent";
  } catch {
    return "absent";
  }
  try {
    accessSync(file, constants.X_OK);
    return "yes";
  } catch {
    return "denied";
  }
}
