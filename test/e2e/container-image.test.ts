import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bodyOf, headersFor } from "../faults/load.ts";
import { type Child, childEnvironment, eventually, freePort, startChild } from "./child.ts";
import { buildImage, type Image } from "./dockerfile.ts";

const MASTER_KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 11 + 3)).toString("base64");

let folder: string;
let image: Image;
let port: number;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mcp-gateway-image-"));
  image = buildImage(folder);
  port = await freePort();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The environment of the image, but for what this machine has only one of. */
const environment = (more: Readonly<Record<string, string>> = {}) => ({
  ...image.environment,
  MCP_GATEWAY_PORT: String(port),
  MCP_GATEWAY_DATA_DIR: join(folder, "data"),
  ...more,
});

function startContainer(more: Readonly<Record<string, string>> = {}): Child {
  const program = join(image.folder, "app/bin/mcp-gateway");
  return startChild([program, ...image.command], { cwd: folder, environment: environment(more) });
}

async function healthCheck(): Promise<number> {
  const [program = "", ...paths] = image.healthCheck;
  const command = [program, ...paths.map((path) => join(image.folder, path))];
  const check = Bun.spawn(command, { env: childEnvironment(environment()), stderr: "ignore" });
  return check.exited;
}

describe("the container image", () => {
  test("the builder gets what is copied and nothing else: no test, no secret, no data", () => {
    expect([...image.copied].toSorted()).toEqual(image.sent.toSorted());
    expect(image.sent).toContain("src/cli/main.ts");
    expect(image.sent).toContain("package-lock.json");
    expect(image.sent.filter((path) => /\.(test|testing)\.ts$|\.env|^(data|test|docs)\//.test(path))).toEqual(
      [],
    );
  });

  test("it runs as nobody in particular, beneath a process that reaps, with its data in a volume", () => {
    expect(image.said("USER")).toBe("1000:1000");
    expect(image.entrypoint).toEqual(["tini", "-s", "--", "mcp-gateway"]);
    expect(image.said("STOPSIGNAL")).toBe("SIGTERM");
    expect(image.said("VOLUME")).toBe(image.environment["MCP_GATEWAY_DATA_DIR"]);
    expect(image.said("EXPOSE")).toBe(image.environment["MCP_GATEWAY_PORT"]);
  });

  test("without a master key it does not start, and says what is missing", async () => {
    const container = startContainer();
    expect(await container.exited).toBe(2);
    expect(container.output()).toContain("MCP_GATEWAY_MASTER_KEY");
  });

  test("what was copied is enough: it is healthy, serves a call, ends in order on SIGTERM", async () => {
    expect(await healthCheck()).toBe(1);
    const container = startContainer({ MCP_GATEWAY_MASTER_KEY: MASTER_KEY, MCP_GATEWAY_DEMO: "true" });
    try {
      const origin = `http://localhost:${port}`;
      await eventually(
        "it is ready",
        async () => ((await fetch(`${origin}/ready`).catch(() => undefined))?.ok === true ? true : undefined),
        { timeoutMs: 20_000 },
      );
      expect(await healthCheck()).toBe(0);
      const key = readFileSync(join(folder, "data/bootstrap-key"), "utf8").trim();
      const name = "everything__echo";
      // On a busy machine a server may take longer to start than a call waits for it.
      const toolAnswers = async () => {
        const answer = await fetch(`${origin}/mcp`, {
          method: "POST",
          headers: headersFor("tools/call", name, key),
          body: bodyOf("tools/call", { name, arguments: { message: "from the image" } }),
        });
        const text = await answer.text();
        return text.includes("upstream_unreachable") ? undefined : text;
      };
      const answered = await eventually("the tool answers", toolAnswers, { timeoutMs: 20_000 });
      expect(answered).toContain("from the image");
      const page = await fetch(`${origin}/docs`);
      expect(page.status).toBe(200);
      // It ran the bundle that was made with it.
      const [bundle, ...others] = readdirSync(join(image.folder, "app/dist/program"));
      expect([bundle !== undefined, others]).toEqual([true, []]);
      expect(readFileSync(`/proc/${container.pid}/cmdline`, "utf8")).toContain(
        `/dist/program/${bundle}/main.ts`,
      );
      container.kill("SIGTERM");
      expect(await container.exited).toBe(0);
    } finally {
      await container.stop();
    }
  });
});
