import { describe, expect, test } from "bun:test";
import { arrivalOf, verdict } from "../arrival.testing.ts";
import { hostPolicy, isLoopbackAddress } from "./host.ts";

const local = hostPolicy<string>({
  url: "http://localhost:8080",
  allowedHosts: ["Tools.Example.com", "other.example:8443"],
  boundTo: "127.0.0.1",
});
const open = hostPolicy<string>({ url: "https://gw.example.com", allowedHosts: [], boundTo: "0.0.0.0" });
const at = (policy: typeof local, host: string | undefined, path = "/mcp") =>
  verdict(() => policy(arrivalOf(host === undefined ? {} : { host }, { path }), () => "served"));

describe("a gateway bound to loopback", () => {
  test.each([
    "localhost",
    "localhost:8080",
    "LOCALHOST:1",
    "localhost.",
    "localhost.:8080",
    "127.0.0.1:9",
    "[::1]",
    "[::1]:8080",
    "tools.example.com",
    "TOOLS.example.COM.:443",
    "other.example",
  ])("serves %s", async (host) => {
    expect(await at(local, host)).toBe("passed");
  });

  test.each([
    "evil.example.com",
    "localhost.evil.example",
    "evil.localhost",
    "127.0.0.1.evil.example",
    "evil@localhost",
    "localhost@evil.example",
    "localhost:8080@evil.example",
    "localhost:80:80",
    "localhost:",
    "localhost:123456",
    "localhost..",
    "[::1].evil.example",
    "[::1",
    "::1",
    "127.1",
    "2130706433",
    "0.0.0.0",
    "192.168.0.7:8080",
    "localhost, evil.example",
    " ",
    undefined,
  ])("refuses %p", async (host) => {
    expect(await at(local, host)).toBe("host_refused");
  });
});

test("a gateway bound to every address serves its own name alone, not even loopback's", async () => {
  expect(await at(open, "gw.example.com")).toBe("passed");
  for (const host of ["localhost", "127.0.0.1", "10.0.0.5"])
    expect(await at(open, host)).toBe("host_refused");
});

test("probes may use any name; nothing else may", async () => {
  for (const path of ["/live", "/ready", "/health"]) expect(await at(open, "10.0.0.5", path)).toBe("passed");
  for (const path of ["/live/x", "/", "/metrics"])
    expect(await at(open, "10.0.0.5", path)).toBe("host_refused");
});

test("the verdict stays right when more names came than are remembered", async () => {
  for (let i = 0; i < 600; i++) expect(await at(local, `h${i}.evil.example`)).toBe("host_refused");
  expect(await at(local, "localhost:7")).toBe("passed");
});

test("loopback addresses", () => {
  for (const address of ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
    expect(isLoopbackAddress(address)).toBe(true);
  for (const address of ["128.0.0.1", "::", "0.0.0.0", "::ffff:10.0.0.1", "127.0.0.1.evil", ""]) {
    expect(isLoopbackAddress(address)).toBe(false);
  }
});
