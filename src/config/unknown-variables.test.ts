import { describe, expect, test } from "bun:test";
import { sampleLoader } from "./load.testing.ts";

const { load, problemsOf, settingsOf } = sampleLoader();

describe("variables that are no settings", () => {
  test("an unknown variable is an error that names the likely one", async () => {
    const unknown = (environment: Record<string, string>) => problemsOf(undefined, { environment });
    expect(await unknown({ MCP_GATEWAY_LOGLEVEL: "debug" })).toEqual([
      "environment variable MCP_GATEWAY_LOGLEVEL: found a variable that is no setting, expected one of those docs/configuration.md lists, since it begins with MCP_GATEWAY_. Fix: did you mean MCP_GATEWAY_LOG_LEVEL?",
    ]);
    expect((await unknown({ MCP_GATEWAY_MASTERKEY: "x" })).join()).toContain("MCP_GATEWAY_MASTER_KEY?");
    expect((await unknown({ MCP_GATEWAY_COLOUR: "blue" })).join()).toContain("Fix: unset it");
    // What begins otherwise is somebody else's, and an empty one is not set.
    expect(await unknown({ MCPGATEWAY_X: "1", MCP_GATEWAYS: "1", MCP_GATEWAY_COLOUR: "" })).toEqual([]);
    // What this repository's own examples, children and tests are told.
    expect(await unknown({ MCP_GATEWAY_KEY: "mgw_x", MCP_GATEWAY_ENDPOINT: "http://x/mcp" })).toEqual([]);
    expect(await unknown({ MCP_GATEWAY_CHILD: "1", MCP_GATEWAY_TEST_RUN: "1" })).toEqual([]);
  });

  test("a variable the file takes is the operator's own, in a file with mistakes too", async () => {
    const environment = { MCP_GATEWAY_SITE: "/srv/gateway" };
    const taking = 'data_dir: "${MCP_GATEWAY_SITE}"\n';
    expect((await settingsOf(taking, { environment })).dataDir).toBe("/srv/gateway");
    expect((await problemsOf(`${taking}server: [\n`, { environment })).join()).not.toContain("SITE");
    expect((await problemsOf(undefined, { environment })).join()).toContain("SITE");
  });

  test("what Kubernetes sets for services of our name is neither a port nor a mistake", async () => {
    const address = "tcp://10.0.0.1:8080";
    const link = (name: string) => ({
      [`${name}_SERVICE_HOST`]: "10.0.0.1",
      [`${name}_SERVICE_PORT`]: "8080",
      [`${name}_SERVICE_PORT_HTTP`]: "8080",
      [`${name}_SERVICE_PORT_HTTP_METRICS`]: "9090",
      [`${name}_PORT`]: address,
      [`${name}_PORT_8080_TCP`]: address,
      [`${name}_PORT_8080_TCP_PROTO`]: "tcp",
      [`${name}_PORT_8080_TCP_PORT`]: "8080",
      [`${name}_PORT_8080_TCP_ADDR`]: "10.0.0.1",
      [`${name}_PORT_53_UDP`]: "udp://10.0.0.1:53",
    });
    const environment = {
      ...link("MCP_GATEWAY"),
      ...link("MCP_GATEWAY_REDIS"),
      ...link("MCP_GATEWAY_WORKERS"),
    };
    const loaded = await load("server: {port: 7070}\n", { environment });
    expect(loaded).toMatchObject({
      settings: { server: { port: 7070 } },
      notes: ["MCP_GATEWAY_PORT is a Kubernetes service link, not a port, and is ignored."],
    });
    expect(
      (await settingsOf(undefined, { environment: { ...environment, MCP_GATEWAY_PORT: "7071" } })).server
        .port,
    ).toBe(7071);
    expect(await problemsOf(undefined, { environment: { MCP_GATEWAY_ADMIN_PORT: "8081" } })).toHaveLength(1);
  });
});
