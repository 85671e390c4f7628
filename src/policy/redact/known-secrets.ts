import type { ServerDefinition } from "../../model/server.ts";
import { hasCredentialForm, MASK } from "./credential-forms.ts";
import { KNOWN_SECRET_NAMES, SecretNames } from "./secret-names.ts";

/** A shorter one would be found in every other word. */
const CHARS_MIN = 4;
/** Headers and variables are mostly no secrets; what their name does not say must look random. */
const RANDOM_CHARS_MIN = 16;

/** Secrets known by their value, taken out wherever they stand, also where JSON or a URL spells them otherwise. */
export class KnownSecrets {
  readonly #spellings: readonly string[];

  constructor(secrets: Iterable<string>) {
    const spellings = new Set<string>();
    for (const secret of secrets) {
      if (secret.length < CHARS_MIN) continue;
      spellings.add(secret);
      spellings.add(JSON.stringify(secret).slice(1, -1));
      spellings.add(encodedForUrl(secret));
      spellings.add(Buffer.from(secret).toString("base64").replace(/=+$/, ""));
    }
    // The longest first: a secret may be part of another.
    this.#spellings = [...spellings].sort((left, right) => right.length - left.length);
  }

  get isEmpty(): boolean {
    return this.#spellings.length === 0;
  }

  mask(text: string): string {
    let masked = text;
    for (const spelling of this.#spellings) {
      if (masked.length >= spelling.length && masked.includes(spelling)) {
        masked = masked.replaceAll(spelling, MASK);
      }
    }
    return masked;
  }
}

function encodedForUrl(secret: string): string {
  try {
    return encodeURIComponent(secret);
  } catch {
    return secret; // half a surrogate pair
  }
}

const names = new SecretNames(KNOWN_SECRET_NAMES);
const ofServers = new WeakMap<ServerDefinition, KnownSecrets>();

/** What the gateway shows a server, or puts into its environment: a server that repeats it does not get it recorded. */
export function secretsOf(server: ServerDefinition): KnownSecrets {
  let known = ofServers.get(server);
  if (known === undefined) {
    known = new KnownSecrets(serverSecrets(server));
    ofServers.set(server, known);
  }
  return known;
}

function serverSecrets({ connection }: ServerDefinition): string[] {
  if (connection.type === "stdio") return namedSecrets(connection.environment);
  const { auth, headers, url } = connection;
  const inUrl = URL.canParse(url) ? Object.fromEntries(new URL(url).searchParams) : {};
  return [
    ...(auth === undefined ? [] : credentialsIn(auth.value)),
    ...namedSecrets({ ...inUrl, ...headers }),
  ];
}

function namedSecrets(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    names.has(name) || /key$/i.test(name) || looksRandom(value) || hasCredentialForm(value)
      ? credentialsIn(value)
      : [],
  );
}

function looksRandom(value: string): boolean {
  return (
    value.length >= RANDOM_CHARS_MIN && /\d/.test(value) && /[A-Za-z]/.test(value) && !/[\s/]/.test(value)
  );
}

/** The value itself, what follows its scheme, and the password of a `Basic` one or of a URL. */
function credentialsIn(value: string): string[] {
  const found = [value];
  const [, scheme, rest] = /^([A-Za-z]+)\s+(\S.*)$/.exec(value) ?? [];
  if (rest !== undefined) found.push(rest);
  if (scheme?.toLowerCase() === "basic" && rest !== undefined) {
    const plain = Buffer.from(rest, "base64").toString("utf8");
    found.push(plain, plain.slice(plain.indexOf(":") + 1));
  }
  if (URL.canParse(value)) {
    const { password } = new URL(value);
    found.push(password, decoded(password));
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
