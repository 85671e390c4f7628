/**
 * One line of CSV (RFC 4180) that is text to a spreadsheet, also to one whose separator is a semicolon or a tab. To that one the
 * quotes of a cell in the middle of a line say nothing: what follows a separator or a line's end within a text begins a cell,
 * and with `=`, `+`, `-` or `@` a formula. An apostrophe before it keeps it text.
 */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map((value) => cell(textOf(value))).join(",")}\r\n`;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function cell(text: string): string {
  const begun = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  const safe = begun.replaceAll(/[;\t\r\n]"*(?=[=+\-@])/g, "$&'");
  return /[",;\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
