import { expect, test } from "bun:test";
import { call } from "../faults/load.ts";
import { untilConnected } from "../faults/restarted.ts";
import { startGateway } from "./gateway.ts";
import { fixtureEntry, startEcho } from "./upstreams.ts";

test("in a pod, beside a Kubernetes service named mcp-gateway, it starts on its own port and serves", async () => {
  const echo = await startEcho("modern");
  const gateway = await startGateway({
    servers: [fixtureEntry("echo", echo, "streamable-http")],
    environment: {
      MCP_GATEWAY_SERVICE_HOST: "10.96.0.7",
      MCP_GATEWAY_SERVICE_PORT: "80",
      MCP_GATEWAY_SERVICE_PORT_HTTP: "80",
      MCP_GATEWAY_PORT: "tcp://10.96.0.7:80",
      MCP_GATEWAY_PORT_80_TCP: "tcp://10.96.0.7:80",
      MCP_GATEWAY_PORT_80_TCP_PROTO: "tcp",
      MCP_GATEWAY_PORT_80_TCP_PORT: "80",
      MCP_GATEWAY_PORT_80_TCP_ADDR: "10.96.0.7",
    },
  });
  try {
    await untilConnected(gateway, ["echo"]);
    expect(await call(gateway.mcpUrl("echo"), crypto.randomUUID())).toMatchObject({ end: "ok" });
    expect(gateway.logs()).toContain("MCP_GATEWAY_PORT is a Kubernetes service link");
  } finally {
    await gateway.stop();
    await echo.stop();
  }
});
