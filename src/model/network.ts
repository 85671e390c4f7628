/**
 * What counts as one client by its address: an IPv4 address, or the /64 of an IPv6 one, which is what one customer owns;
 * the same text however the address was spelt.
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const known = networks.get(address);
  if (known !== undefined) return known;
  const network = parse(address.toLowerCase());
  if (networks.size >= NETWORKS_MAX) networks.clear();
  networks.set(address, network);
  return network;
}

const NETWORKS_MAX = 10_000;
const networks = new Map<string, string>();

function parse(address: string): string {
  const zone = address.indexOf("%");
  const plain = zone < 0 ? address : address.slice(0, zone);
  const dotted = /^(?:::|0:0:0:0:0:)(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  if (dotted !== null) return dotted[1] as string;
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? [] : tail.split(":");
    while (groups.length + rest.length < 8) groups.push("0");
    groups.push(...rest);
  }
  const numbers = groups.map((group) => Number.parseInt(group, 16));
  // An IPv4 address in hexadecimal clothes (RFC 4291, 2.5.5.2) is that IPv4 address.
  if (numbers.slice(0, 5).every((number) => number === 0) && numbers[5] === 0xffff) {
    const [high = 0, low = 0] = numbers.slice(6);
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  const network = numbers.slice(0, 4).map((number) => number.toString(16));
  return `${network.join(":")}/64`;
}
