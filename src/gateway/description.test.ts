import { expect, test } from "bun:test";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import { sampleEndpoint, samplePrincipal } from "../model/sample-exchange.testing.ts";

const served = [
  {
    name: "a",
    offer: {
      capabilities: {
        tools: {},
        logging: {},
        extensions: { "io.modelcontextprotocol/tasks": {}, "acme/x": { v: 1 } },
      },
      instructions: "Use A.",
    },
  },
  {
    name: "b",
    offer: {
      capabilities: { resources: { subscribe: true }, completions: {}, experimental: { y: {} } },
      instructions: "Use B.",
    },
  },
];

test("a merged endpoint can what its servers can as far as we relay it, and says who said what", async () => {
  await using gateway = new InProcessGateway(served);
  const { capabilities, instructions, serverInfo } = gateway.gateway.describe(
    sampleEndpoint(),
    samplePrincipal(),
  );
  expect(capabilities).toEqual({
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    prompts: { listChanged: true },
    completions: {},
    logging: {},
    experimental: { y: {} },
    extensions: { "acme/x": { v: 1 } },
  });
  expect(instructions).toBe("## a\n\nUse A.\n\n## b\n\nUse B.");
  expect(serverInfo).toEqual({ name: "mcp-gateway", version: "1.0.0" });
});

test("one server's endpoint says what that server says", async () => {
  await using gateway = new InProcessGateway(served);
  const { capabilities, instructions } = gateway.gateway.describe(
    sampleEndpoint(gateway.server("a")),
    samplePrincipal(),
  );
  expect(capabilities).toEqual({
    tools: { listChanged: true },
    logging: {},
    extensions: { "acme/x": { v: 1 } },
  });
  expect(instructions).toBe("Use A.");
});

test("servers the caller may not see add nothing", async () => {
  await using gateway = new InProcessGateway(served);
  const one = gateway.gateway.describe(sampleEndpoint(), samplePrincipal({ permissions: ["b:*"] }));
  expect(one.instructions).toBe("## b\n\nUse B.");
  expect(one.capabilities).not.toHaveProperty("logging");
  const none = gateway.gateway.describe({ ...sampleEndpoint(), namespaceId: "nowhere" }, samplePrincipal());
  expect(none.instructions).toBeUndefined();
});
