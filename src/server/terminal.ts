import { closeSync, openSync } from "node:fs";

/** SIGHUP asks for a reload, but is also what a closed terminal sends; then there is none to open any more. */
export function terminalStands(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
