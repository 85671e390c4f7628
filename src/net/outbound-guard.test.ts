import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { inRange, parseAddress, parseRange } from "./address.ts";
import { HttpFailure } from "./http-exchange.ts";
import { classifyAddress, OutboundGuard } from "./outbound-guard.ts";

const strict = new OutboundGuard([]);
const refused = (guard: OutboundGuard, url: string) => {
  try {
    guard.check(url);
  } catch (error) {
    expect(error).toBeInstanceOf(HttpFailure);
    expect((error as HttpFailure).kind).toBe("refused_address");
    expect((error as HttpFailure).sent).toBe(false);
    return true;
  }
  return false;
};
const resolving = (allow: readonly string[], ...addresses: string[]) =>
  new OutboundGuard(allow, async () => addresses);

describe("the text of a URL", () => {
  test.each([
    "",
    "//example.com/",
    "/mcp",
    "file:///etc/passwd",
    "ftp://example.com/",
    "ws://example.com/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "http+unix://%2fvar%2frun%2fdocker.sock/",
    "http://",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://:secret@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1:80/",
    "http://0x7f.1/",
    "http://0x7F000001/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://2130706433/",
    "http://0/",
    "http://0.0.0.0/",
    "http://127。0。0。1/",
    "http://①②⑦.0.0.1/",
    "http://127.0.0.1%2f.example.com/",
    "http:\\\\127.0.0.1\\",
    "http:127.0.0.1",
    "HTTP://LOCALHOST/",
    "http://localhost./",
    "http://a.localhost/",
    "http://ⓛocalhost/",
    "http://loc\talhost/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://169.254.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xA9FEA9FE/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://100.100.100.200/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://198.18.0.1/",
    "http://203.0.113.5/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[100::1]/",
    "http://example.com../",
    "http://example..com/",
    "http://example.com:99999/",
    "http://ex ample.com/",
  ])("%s is refused", (url) => {
    expect(refused(strict, url)).toBe(true);
  });

  test.each([
    ["https://example.com/mcp?x=1", "example.com", 443, "https://example.com/mcp?x=1"],
    ["http://EXAMPLE.com.:8080/", "example.com", 8080, "http://example.com:8080/"],
    ["https://bücher.example/", "xn--bcher-kva.example", 443, "https://xn--bcher-kva.example/"],
    ["http://134744072/", "8.8.8.8", 80, "http://8.8.8.8/"],
    ["http://[2606:4700::1111]:81/", "2606:4700::1111", 81, "http://[2606:4700::1111]:81/"],
    ["http://[::ffff:8.8.8.8]/", "::ffff:808:808", 80, "http://[::ffff:808:808]/"],
    ["http://localhost.example.com/", "localhost.example.com", 80, "http://localhost.example.com/"],
  ])("%s passes as %s", (text, host, port, href) => {
    const guarded = strict.check(text);
    expect([guarded.host, guarded.port, guarded.url.href]).toEqual([host, port, href]);
  });
});

describe("what a name resolves to", () => {
  test.each([
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "169.254.169.254",
    "fe80::1%eth0",
    "::ffff:10.0.0.1",
    "nonsense",
  ])("%s is refused, also beside a public address", async (address) => {
    await expect(resolving([], address).resolve("x.example")).rejects.toMatchObject({
      kind: "refused_address",
    });
    await expect(resolving([], "8.8.8.8", address).resolve("x.example")).rejects.toMatchObject({
      kind: "refused_address",
    });
  });
  test("public addresses come back in order", async () => {
    expect(await resolving([], "8.8.8.8", "2606:4700::1111").resolve("x.example")).toEqual([
      "8.8.8.8",
      "2606:4700::1111",
    ]);
  });
  test("no address, or a failing resolver, is a failed connect and not a refusal", async () => {
    await expect(resolving([]).resolve("x.example")).rejects.toMatchObject({ kind: "connect", sent: false });
    const failing = new OutboundGuard([], async () => {
      throw new Error("NXDOMAIN");
    });
    await expect(failing.resolve("x.example")).rejects.toMatchObject({ kind: "connect", sent: false });
  });
  test("the system's resolver finds localhost, and that is refused", async () => {
    await expect(strict.resolve("localhost")).rejects.toMatchObject({ kind: "refused_address" });
    expect((await new OutboundGuard(["loopback"]).resolve("localhost")).length).toBeGreaterThan(0);
  });
});

describe("allow entries", () => {
  test.each([
    [["loopback"], "http://127.8.9.1/", true],
    [["loopback"], "http://[::1]/", true],
    [["loopback"], "http://localhost/", true],
    [["loopback"], "http://10.0.0.1/", false],
    [["private"], "http://10.0.0.1/", true],
    [["private"], "http://[fd12::1]/", true],
    [["private"], "http://[fd00:ec2::254]/", false],
    [["private"], "http://169.254.169.254/", false],
    [["private"], "http://100.64.0.1/", false],
    [["private"], "http://127.0.0.1/", false],
    [["10.1.0.0/16"], "http://10.1.255.1/", true],
    [["10.1.0.0/16"], "http://10.2.0.1/", false],
    [["10.1.0.0/16"], "http://[::ffff:10.1.0.1]/", true],
    [["127.0.0.1"], "http://localhost/", true],
    [["169.254.169.254/32"], "http://169.254.169.254/", true],
    [["fd12::/16"], "http://[fd12:1::1]/", true],
    [["[fd12::1]"], "http://[fd12::1]/", true],
    [["::1"], "http://[::1]/", true],
  ])("%j and %s: allowed is %p", (allow, url, allowed) => {
    expect(refused(new OutboundGuard(allow), url)).toBe(!allowed);
  });

  test.each([
    [["mcp.internal"], "mcp.internal", "10.0.0.1", true],
    [["MCP.Internal."], "mcp.internal", "10.0.0.1", true],
    [["bücher.example"], "xn--bcher-kva.example", "10.0.0.1", true],
    [["mcp.internal"], "other.internal", "10.0.0.1", false],
    [["mcp.internal"], "a.mcp.internal", "10.0.0.1", false],
    [["*.internal"], "a.b.internal", "127.0.0.1", true],
    [["*.internal"], "internal", "10.0.0.1", false],
    [["*.internal"], "evilinternal", "10.0.0.1", false],
    [["mcp.internal"], "mcp.internal", "169.254.169.254", false],
    [["mcp.internal"], "mcp.internal", "0.0.0.0", false],
    [["10.0.0.0/8"], "any.example", "10.0.0.1", true],
  ])("%j: %s at %s is %p", async (allow, host, address, allowed) => {
    const resolved = resolving(allow, address).resolve(host);
    if (allowed) expect(await resolved).toEqual([address]);
    else await expect(resolved).rejects.toMatchObject({ kind: "refused_address" });
  });

  test.each([
    "",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/x",
    "::/129",
    "http://x/",
    "a b",
    "*",
    "*.",
    "*.*.x",
    "x:80",
    "0x7f.1",
    "127.1",
    "a/b",
  ])("%j is no entry", (entry) => {
    expect(() => new OutboundGuard([entry])).toThrow(TypeError);
  });
});

describe("addresses", () => {
  const v4 = fc.ipV4();
  const v6 = fc.ipV6();

  test("every public IPv4 address stays public, every other refused, in mapped, NAT64 and 6to4 form", () => {
    fc.assert(
      fc.property(v4, (ip) => {
        const kind = classifyAddress(ip);
        const [a = 0, b = 0, c = 0, d = 0] = ip.split(".").map(Number);
        const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
        for (const form of [`::ffff:${ip}`, `::FFFF:${hex}`, `64:ff9b::${hex}`, `2002:${hex}::1`])
          expect(classifyAddress(form)).toBe(kind);
      }),
    );
  });
  test("ranges agree with arithmetic on the number", () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), fc.oneof(v4, v6), fc.nat(128), (one, other, prefix) => {
        const address = parseAddress(one);
        const base = parseAddress(other);
        if (address === undefined || base === undefined) throw new Error("generated addresses parse");
        const bits = base.length * 8;
        // Mapped addresses change their width; they have the test above.
        const range = parseRange(`${other}/${Math.min(prefix, bits)}`);
        if (range === undefined || range.base.length !== base.length) return;
        const number = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
        const shift = BigInt(bits - range.prefixBits);
        expect(inRange(address, range)).toBe(
          address.length === base.length && number(address) >> shift === number(base) >> shift,
        );
        expect(inRange(base, range)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
  test("IPv6 text in any spelling is the same 16 bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        if (bytes.subarray(0, 10).every((byte) => byte === 0)) return;
        const groups = Array.from({ length: 8 }, (_, i) =>
          (((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0)).toString(16),
        );
        const full = groups.join(":");
        const shortest = new URL(`http://[${full}]/`).hostname.slice(1, -1);
        const dotted = `${groups.slice(0, 6).join(":")}:${bytes.subarray(12).join(".")}`;
        for (const spelling of [full, full.toUpperCase(), shortest, dotted])
          expect(parseAddress(spelling)).toEqual(bytes);
      }),
    );
  });
  test("no text makes the classifier throw, and what is no address is invalid", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const kind = classifyAddress(text);
        if (parseAddress(text) === undefined) expect(kind).toBe("invalid");
      }),
    );
  });
  test("the URL parser's host and the guard's agree for any IPv4 number", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.constantFrom(10, 8, 16), (number, base) => {
        const text = `${base === 8 ? "0" : base === 16 ? "0x" : ""}${number.toString(base)}`;
        const dotted = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
        const guarded = new OutboundGuard(["0.0.0.0/0"]).check(`http://${text}/`);
        expect(guarded.host).toBe(dotted);
        expect(refused(strict, `http://${text}/`)).toBe(classifyAddress(dotted) !== "public");
      }),
    );
  });
});
