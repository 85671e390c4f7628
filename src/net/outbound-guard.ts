import { lookup } from "node:dns/promises";
import {
  type AddressBytes,
  type AddressClass,
  type AddressRange,
  classifyAddress,
  inRange,
  parseAddress,
  parseRange,
} from "./address.ts";
import { HttpFailure } from "./http-exchange.ts";

export { type AddressClass, classifyAddress } from "./address.ts";

/** All addresses of a host name, as text. Rejects where there are none. */
export type Resolver = (host: string) => Promise<readonly string[]>;

/** A URL that passed what can be said of its text. */
export interface GuardedUrl {
  /** Normalised: what is checked is what is dialled. */
  readonly url: URL;
  /** Lower case, punycode, without brackets or a trailing dot: for DNS, SNI and the certificate's name. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** Reached by an address entry only: a name may be pointed anywhere by whoever runs its zone. */
const NEVER_BY_NAME: ReadonlySet<AddressClass> = new Set(["metadata", "multicast", "unspecified", "invalid"]);

const LOOPBACK: readonly AddressBytes[] = [Uint8Array.of(127, 0, 0, 1), new Uint8Array(16).fill(1, 15)];

/**
 * The one check of every URL the gateway fetches. Refused: schemes besides http and https, credentials in the URL, and
 * hosts that are or resolve to anything but a public address, unless allowed.
 *
 * Allow entries: an address or CIDR range (`10.1.0.0/16`, `fd00::/8`, also the only way to a metadata, multicast or
 * unspecified address); `loopback`; `private` (RFC 1918 and fc00::/7); a host name or `*.suffix` (names below it, not the
 * suffix itself), which exempts whatever the name resolves to — name only zones whose owner you trust.
 */
export class OutboundGuard {
  readonly #ranges: AddressRange[] = [];
  readonly #names = new Set<string>();
  readonly #suffixes: string[] = [];
  readonly #classes = new Set<AddressClass>(["public"]);
  readonly #resolver: Resolver;

  /** @throws TypeError for an entry that is none of the forms above. */
  constructor(allow: readonly string[], resolver: Resolver = systemResolver) {
    this.#resolver = resolver;
    for (const entry of allow) this.#allow(entry);
  }

  /**
   * Parses a URL and checks everything its text tells; literal addresses are settled here, names at `resolve`.
   * @throws HttpFailure `refused_address`
   */
  check(text: string): GuardedUrl {
    if (!URL.canParse(text)) throw refusal("not an absolute URL");
    const url = new URL(text);
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw refusal(`scheme ${url.protocol} is not http or https`);
    if (url.username !== "" || url.password !== "") throw refusal("the URL carries credentials");
    if (url.hostname.endsWith(".")) url.hostname = withoutDot(url.hostname);
    const host = bareHost(url.hostname);
    if (host === "" || host.endsWith(".") || host.includes(".."))
      throw refusal("the host has an empty label");
    const secure = url.protocol === "https:";
    if (parseAddress(host) !== undefined) this.#checkAddress(host, host);
    else if (isLoopbackName(host) && !this.#allowsLoopbackName(host))
      throw refusal(`${host} is a loopback name`);
    return { url, host, port: url.port === "" ? (secure ? 443 : 80) : Number(url.port), secure };
  }

  /**
   * The addresses to dial for a host that `check` returned, in the resolver's order. One refused address refuses the
   * host: a name that points inside and outside at once is not to be trusted.
   * @throws HttpFailure `refused_address`, or `connect` where the name does not resolve
   */
  async resolve(host: string): Promise<readonly string[]> {
    if (parseAddress(host) !== undefined) {
      this.#checkAddress(host, host);
      return [host];
    }
    let addresses: readonly string[];
    try {
      addresses = await this.#resolver(host);
    } catch (cause) {
      throw new HttpFailure("connect", `${host} does not resolve`, false, cause);
    }
    if (addresses.length === 0) throw new HttpFailure("connect", `${host} has no address`, false);
    for (const address of addresses) this.#checkAddress(address, host);
    return addresses;
  }

  #checkAddress(address: string, host: string): void {
    const kind = classifyAddress(address);
    if (this.#classes.has(kind)) return;
    const bytes = parseAddress(address);
    if (bytes !== undefined && this.#ranges.some((range) => inRange(bytes, range))) return;
    if (!NEVER_BY_NAME.has(kind) && this.#named(host)) return;
    const what = host === address ? `${host} is ${kind}` : `${host} resolves to ${address}, which is ${kind}`;
    throw refusal(`${what}; if it is meant, allow it in outbound.allow`);
  }

  #allowsLoopbackName(host: string): boolean {
    if (this.#classes.has("loopback") || this.#named(host)) return true;
    return this.#ranges.some((range) => LOOPBACK.some((address) => inRange(address, range)));
  }

  #named(host: string): boolean {
    return this.#names.has(host) || this.#suffixes.some((suffix) => host.endsWith(suffix));
  }

  #allow(entry: string): void {
    const text = entry.trim();
    if (text === "loopback" || text === "private") {
      this.#classes.add(text);
      return;
    }
    const range = parseRange(bareHost(text));
    if (range !== undefined) {
      this.#ranges.push(range);
      return;
    }
    const isSuffix = text.startsWith("*.");
    const name = normalisedName(isSuffix ? text.slice(2) : text);
    if (name === undefined) throw new TypeError(`not an outbound allow entry: ${JSON.stringify(entry)}`);
    if (isSuffix) this.#suffixes.push(`.${name}`);
    else this.#names.add(name);
  }
}

function refusal(why: string): HttpFailure {
  return new HttpFailure("refused_address", `Refused to connect: ${why}.`, false);
}

/** The form the URL parser gives a name, so that an entry in capitals or Unicode matches; `undefined` for no name. */
function normalisedName(text: string): string | undefined {
  if (/[\s/\\:@?#*[\]%]/.test(text) || !URL.canParse(`http://${text}/`)) return undefined;
  const host = withoutDot(new URL(`http://${text}/`).hostname);
  // An odd spelling of an address (`0x7f.1`) is a mistake in a list of names, not a name.
  return host === "" || parseAddress(host) !== undefined ? undefined : host;
}

function bareHost(hostname: string): string {
  return hostname.startsWith("[") && hostname.endsWith("]") ? hostname.slice(1, -1) : hostname;
}

function withoutDot(hostname: string): string {
  return hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
}

/** RFC 6761, 6.3. */
function isLoopbackName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

async function systemResolver(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
