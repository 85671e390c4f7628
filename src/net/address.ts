import { isIP } from "node:net";

/**
 * What an IP address is for, as far as an outbound request must know. Only `public` is dialled without an allow entry.
 * Registries: RFC 6890 with updates (IANA special-purpose registries); `metadata` are the well-known addresses at which
 * clouds hand out credentials.
 */
export type AddressClass =
  | "public"
  | "loopback"
  | "private"
  | "link_local"
  | "cgnat"
  | "metadata"
  | "multicast"
  | "unspecified"
  | "reserved"
  | "invalid";

/** 4 or 16 bytes in network order. An IPv4-mapped IPv6 address is the IPv4 address. */
export type AddressBytes = Uint8Array;

export interface AddressRange {
  readonly base: AddressBytes;
  readonly prefixBits: number;
}

/** `undefined` for anything but a plain dotted-quad or IPv6 text; a zone (`%eth0`) is ignored. */
export function parseAddress(text: string): AddressBytes | undefined {
  const zone = text.indexOf("%");
  const plain = zone === -1 ? text : text.slice(0, zone);
  switch (isIP(plain)) {
    case 4:
      return Uint8Array.from(plain.split("."), Number);
    case 6:
      return unmapped(parseIPv6(plain));
    default:
      return undefined;
  }
}

/** `10.0.0.0/8`, `fd00::/8` or a bare address; `undefined` where it is neither. Host bits may be set. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf("/");
  const address = slash === -1 ? text : text.slice(0, slash);
  const base = parseAddress(address);
  if (base === undefined || address.includes("%")) return undefined;
  const widthBits = base.length * 8;
  if (slash === -1) return { base, prefixBits: widthBits };
  const prefix = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(prefix)) return undefined;
  // A range written in mapped form (`::ffff:10.0.0.0/104`) counts its bits from the IPv6 start.
  const writtenBits = isIP(address) === 6 ? 128 : 32;
  const prefixBits = Number(prefix) - (writtenBits - widthBits);
  return prefixBits >= 0 && prefixBits <= widthBits ? { base, prefixBits } : undefined;
}

export function inRange(address: AddressBytes, range: AddressRange): boolean {
  if (address.length !== range.base.length) return false;
  const wholeBytes = range.prefixBits >> 3;
  for (let i = 0; i < wholeBytes; i++) if (address[i] !== range.base[i]) return false;
  const restBits = range.prefixBits & 7;
  if (restBits === 0) return true;
  const shift = 8 - restBits;
  return (address[wholeBytes] ?? 0) >> shift === (range.base[wholeBytes] ?? 0) >> shift;
}

/** The class of an address given as text. Addresses that carry an IPv4 address are judged by the one they carry. */
export function classifyAddress(ip: string): AddressClass {
  const bytes = parseAddress(ip);
  return bytes === undefined ? "invalid" : classifyBytes(bytes);
}

function classifyBytes(bytes: AddressBytes): AddressClass {
  const carried = bytes.length === 16 ? carriedIPv4(bytes) : undefined;
  if (carried !== undefined) return classifyBytes(carried);
  const table = bytes.length === 4 ? IPV4_CLASSES : IPV6_CLASSES;
  for (const [range, kind] of table) if (inRange(bytes, range)) return kind;
  return bytes.length === 4 ? "public" : "reserved";
}

const NAT64 = rangeOf("64:ff9b::/96");
const SIX_TO_FOUR = rangeOf("2002::/16");
const COMPATIBLE = rangeOf("::/96");
const TEREDO = rangeOf("2001::/32");

/** The IPv4 address a packet would finally reach, for the forms that embed one. */
function carriedIPv4(bytes: AddressBytes): AddressBytes | undefined {
  if (inRange(bytes, NAT64)) return bytes.subarray(12);
  if (inRange(bytes, SIX_TO_FOUR)) return bytes.subarray(2, 6);
  if (inRange(bytes, TEREDO)) return bytes.subarray(12).map((byte) => byte ^ 0xff);
  // `::` and `::1` are addresses of their own.
  const isOwn = bytes.subarray(12, 15).every((byte) => byte === 0) && (bytes[15] ?? 0) <= 1;
  if (inRange(bytes, COMPATIBLE) && !isOwn) return bytes.subarray(12);
  return undefined;
}

/** First match wins, so exceptions stand before the range that holds them. */
const IPV4_CLASSES = classes([
  ["169.254.169.254", "metadata"], // AWS, Azure, Google, most others
  ["169.254.169.253", "metadata"], // AWS, name service
  ["169.254.169.123", "metadata"], // AWS, time
  ["169.254.170.2", "metadata"], // AWS, container credentials
  ["169.254.170.23", "metadata"], // AWS, pod identity
  ["169.254.42.42", "metadata"], // Scaleway
  ["169.254.0.23", "metadata"], // Tencent
  ["100.100.100.200", "metadata"], // Alibaba
  ["192.0.0.192", "metadata"], // Oracle
  ["168.63.129.16", "metadata"], // Azure, platform channel; a public address by its number
  ["0.0.0.0", "unspecified"],
  ["0.0.0.0/8", "reserved"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "cgnat"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link_local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "reserved"],
  ["192.0.2.0/24", "reserved"],
  ["192.88.99.0/24", "reserved"],
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "reserved"],
  ["198.51.100.0/24", "reserved"],
  ["203.0.113.0/24", "reserved"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
]);

const IPV6_CLASSES = classes([
  ["fd00:ec2::254", "metadata"], // AWS
  ["fd00:ec2::23", "metadata"], // AWS, pod identity
  ["fd00:ec2::253", "metadata"], // AWS, name service
  ["fd20:ce::254", "metadata"], // Google
  ["fd00:42::42", "metadata"], // Scaleway
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["fc00::/7", "private"],
  ["fec0::/10", "private"], // site-local, deprecated and still routed in places
  ["fe80::/10", "link_local"],
  ["ff00::/8", "multicast"],
  ["2001::/23", "reserved"],
  ["2001:db8::/32", "reserved"],
  ["3fff::/20", "reserved"],
  ["2000::/3", "public"],
]);

function classes(
  rows: readonly (readonly [string, AddressClass])[],
): readonly (readonly [AddressRange, AddressClass])[] {
  return rows.map(([text, kind]) => [rangeOf(text), kind] as const);
}

function rangeOf(text: string): AddressRange {
  const range = parseRange(text);
  if (range === undefined) throw new Error(`not an address range: ${text}`);
  return range;
}

/** `text` is known to be valid IPv6. */
function parseIPv6(text: string): AddressBytes {
  const dotted = text.includes(".") ? text.slice(text.lastIndexOf(":") + 1) : undefined;
  const hexText = dotted === undefined ? text : text.slice(0, text.lastIndexOf(":") + 1) + hexPair(dotted);
  const [head = "", tail] = hexText.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const bytes = new Uint8Array(16);
  const groups =
    tail === undefined
      ? before
      : [...before, ...Array<string>(8 - before.length - after.length).fill("0"), ...after];
  groups.forEach((group, i) => {
    const value = Number.parseInt(group, 16);
    bytes[i * 2] = value >> 8;
    bytes[i * 2 + 1] = value & 0xff;
  });
  return bytes;
}

function hexPair(dotted: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function unmapped(bytes: AddressBytes): AddressBytes {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return bytes;
  return bytes[10] === 0xff && bytes[11] === 0xff ? bytes.subarray(12) : bytes;
}
