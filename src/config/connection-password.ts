import { isLoopbackHost } from "./kinds.ts";

const LENGTH_MIN = 12;
/** Fewer different characters than any random password of that length has. */
const DISTINCT_MIN = 6;

/** Passwords of examples, images and lists, without what people add behind them; matched in any case. */
const wellKnown = new Set(
  `admin administrator bitnami change changeit changeme default demo development dev docker example foobar foobared
  gateway guest letmein master mcp mcpgateway mysecretpassword pass passphrase passwd password placeholder postgres
  postgresql production pwd qwerty qwertyuiop redis replaceme root secret supersecret test testing todo user valkey
  verysecret welcome yourpassword yoursecurepassword yourstrongpassword`.split(/\s+/),
);
const LOOKALIKES: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "l",
  "3": "e",
  "4": "a",
  "5": "s",
  "7": "t",
};

/**
 * What is weak about the password in a database's URL, in words that do not show it; undefined where there is none or it
 * will do. A URL without a password is left alone, since the server may know the gateway by its address, certificate or a
 * cloud's identity; so is one that leads to this machine, by loopback or a Unix socket.
 */
export function passwordFault(url: string): string | undefined {
  const { hostname, username, password, pathname, searchParams } = new URL(url);
  const host = searchParams.get("host") ?? decoded(hostname);
  const given = password === "" ? (searchParams.get("password") ?? "") : decoded(password);
  if (given === "" || host === "" || host.startsWith("/") || isLoopbackHost(host)) return undefined;
  const plain = plainOf(given);
  const names = [username, pathname.slice(1), host].map((name) => plainOf(decoded(name)));
  if (plain !== "" && names.includes(plain)) return "a password made of a name that is in the URL itself";
  if (wellKnown.has(plain)) return "a password that everybody knows";
  if (given.length < LENGTH_MIN) return `a password of ${given.length} characters`;
  if (new Set(given).size < DISTINCT_MIN) return "a password that repeats a few characters";
  return isSequence(given) ? "a password that counts up or down" : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `123456789012`, `abcdefghijkl`: each character the neighbour of the one before. */
function isSequence(text: string): boolean {
  const steps = Array.from(text.slice(1), (_, index) => text.charCodeAt(index + 1) - text.charCodeAt(index));
  return steps.every((step) => Math.abs(step) === 1 || Math.abs(step) === 9);
}

/** `P@ssw0rd-2024` and `password` are one: case, separators, look-alikes, and what stands behind the letters, are nothing. */
function plainOf(text: string): string {
  const word = text
    .toLowerCase()
    .replaceAll("@", "a")
    .replaceAll("$", "s")
    .replace(/[^a-z0-9]/g, "")
    .replace(/^\d+|\d+$/g, "");
  return word.replace(/[013457]/g, (digit) => LOOKALIKES[digit] ?? digit);
}
