import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Each starts programs, several a test.
setDefaultTimeout(20_000);
const program = join(import.meta.dir, "main.ts");
const MASTER_KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 11 + 5)).toString("base64");
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gateway-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the real program in a folder of its own, with nothing of this process's environment that it reads. */
async function run(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const child = Bun.spawn([process.execPath, "--no-install", program, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", MCP_GATEWAY_ENV: "test", ...environment },
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}

async function json(
  args: readonly string[],
  environment?: Record<string, string>,
): Promise<Record<string, unknown>> {
  const { code, out, err } = await run([...args, "--json"], environment);
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}

describe("usage", () => {
  test("--version and --help end with 0", async () => {
    const version = await run(["--version"]);
    expect(version).toMatchObject({ code: 0, err: "" });
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = await run(["--help"]);
    expect(help.code).toBe(0);
    for (const name of ["serve", "config", "migrate", "keys", "audit", "store", "Exit codes", "Examples"])
      expect(help.out).toContain(name);
  });

  test("every command's help has its options and an example", async () => {
    const pages = await Promise.all(
      [
        ["serve", "--help"],
        ["help", "serve"],
        ["keys", "create", "--help"],
        ["audit", "verify", "--help"],
        ["store", "copy", "--help"],
      ].map((args) => run(args)),
    );
    for (const page of pages) {
      expect(page.code).toBe(0);
      expect(page.out).toContain("--config");
      expect(page.out).toMatch(/Examples?[:,]/);
    }
  });

  test.each([
    [["srve"], "Did you mean serve?"],
    [["serve", "--prot", "1"], "Did you mean --port?"],
    [["keys", "create"], "--name"],
    [["keys", "create", "--name", "x", "--role", "root"], "Allowed choices"],
    [["keys", "create", "--name", "x", "--expires", "soon"], "30d"],
    [["keys", "rotate"], "--master"],
    [["migrate", "down"], "--yes"],
    [["store", "copy", "--to", "mysql://x"], "postgres://"],
  ])("%p ends with 2 and says why", async (args, expected) => {
    const { code, out, err } = await run(args);
    expect(code).toBe(2);
    expect(err).toContain(expected);
    expect(out).toBe("");
  });
});

describe("config", () => {
  test("validate", async () => {
    const path = join(folder, "bad.yaml");
    writeFileSync(path, "server:\n  prot: 1\nlogging: {level: loud}\n");
    const { code, err } = await run(["config", "validate", "--config", path]);
    expect(code).toBe(2);
    expect(err).toContain(`${path}:2:3: server.prot: found an unknown key`);
    expect(err).toContain("did you mean port?");
    expect(err).toContain("The configuration has 2 problems");
    const asJson = await run(["config", "validate", "--config", path, "--json"]);
    expect(asJson.code).toBe(2);
    expect(JSON.parse(asJson.out)).toMatchObject({
      valid: false,
      problems: [{ key: "server.prot", source: { line: 2, column: 3 } }, { key: "logging.level" }],
    });
    expect(await json(["config", "validate"])).toEqual({ valid: true, problems: [], notes: [] });
  });

  test("print masks secrets and shows where values come from", async () => {
    const path = join(folder, "good.yaml");
    writeFileSync(
      path,
      "proxy: {servers: [{name: a, type: sse, connection: {url: 'https://u:p@x.test/?k=abc'}, enabled: false}]}\n" +
        'store: {url: "postgres://u:dbpassword@db/x"}\n',
    );
    const environment = { MCP_GATEWAY_MASTER_KEY: MASTER_KEY, MCP_GATEWAY_PORT: "9123" };
    const refused = await run(["config", "print", "--config", path], environment);
    expect(refused.err).toContain("a URL without credentials in it");
    writeFileSync(path, 'store: {url: "postgres://u:dbpassword@db/x"}\n');
    const { code, out } = await run(["config", "print", "--config", path], environment);
    expect(code).toBe(0);
    expect(out).toContain("port: 9123");
    expect(out).not.toContain(MASTER_KEY);
    expect(out).not.toContain("dbpassword");
    expect(Bun.YAML.parse(out)).toMatchObject({ server: { port: 9123 }, limits: { body: "4MiB" } });
  });

  test("docs is the reference", async () => {
    const { out } = await run(["config", "docs"]);
    expect(out).toBe(readFileSync(join(import.meta.dir, "../../docs/configuration.md"), "utf8"));
  });
});

describe("serve refuses to start", () => {
  test("without a master key in production", async () => {
    const { code, err } = await run(["serve", "--port", "0"], { MCP_GATEWAY_ENV: "" });
    expect(code).toBe(2);
    expect(err).toContain("MCP_GATEWAY_MASTER_KEY");
    expect(existsSync(join(folder, "data"))).toBe(false);
  });

  test("with a variable it does not know, naming the likely one", async () => {
    const { code, err } = await run(["serve", "--port", "0"], { MCP_GATEWAY_PROT: "8081" });
    expect(code).toBe(2);
    expect(err).toContain("environment variable MCP_GATEWAY_PROT: ");
    expect(err).toContain("did you mean MCP_GATEWAY_PORT?");
  });

  test("with a wrong flag, naming the flag", async () => {
    const { code, err } = await run(["serve", "--port", "http"]);
    expect(code).toBe(2);
    expect(err).toContain('--port: server.port: found "http"');
  });
});

describe("keys and migrations without a running gateway", () => {
  const dataDir = () => ["--data-dir", join(folder, "store")];

  test("up, status, down", async () => {
    const dir = ["--data-dir", join(folder, "migrated")];
    const { applied } = await json(["migrate", "up", ...dir]);
    expect(applied).toBeArray();
    expect(await json(["migrate", "up", ...dir])).toEqual({ applied: [] });
    expect(await json(["migrate", "status", ...dir])).toMatchObject({ pending: 0 });
    const { taken_back: name } = await json(["migrate", "down", "--yes", ...dir]);
    expect(name).toBe((applied as string[]).at(-1));
    expect(await json(["migrate", "status", ...dir])).toMatchObject({ pending: 1 });
  });

  test("a key is shown once, listed, replaced and revoked", async () => {
    const created = await json([
      "keys",
      "create",
      "--name",
      "laptop",
      "--permission",
      "github:*",
      "--permission",
      "files:read_*",
      "--namespace",
      "default",
      "--expires",
      "30d",
      ...dataDir(),
    ]);
    expect(created).toMatchObject({
      name: "laptop",
      type: "user",
      role: "user",
      namespace: "default",
      permissions: ["github:*", "files:read_*"],
      platform_admin: false,
      status: "active",
    });
    const key = created.key as string;
    expect(key).toStartWith("mgw_");
    const days = (Date.parse(created.expires_at as string) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);

    const listed = await run(["keys", "list", ...dataDir()]);
    expect(listed.out).toContain("laptop");
    expect(listed.out).not.toContain(key);

    const replaced = await json(["keys", "rotate", created.id as string, ...dataDir()]);
    expect(replaced).toMatchObject({
      name: "laptop",
      permissions: ["github:*", "files:read_*"],
      status: "active",
    });
    expect(replaced.expires_at).toBe(created.expires_at as string);
    expect(replaced.key).not.toBe(key);

    expect(await json(["keys", "revoke", replaced.prefix as string, ...dataDir()])).toMatchObject({
      status: "revoked",
    });
    const again = await run(["keys", "revoke", replaced.id as string, ...dataDir()]);
    expect(again).toMatchObject({ code: 1, out: "" });
    expect(again.err).toContain("revoked already");
    const { items } = (await json(["keys", "list", ...dataDir()])) as {
      items: { name: string; status: string }[];
    };
    expect(items.filter((item) => item.name === "laptop").map((item) => item.status)).toEqual([
      "revoked",
      "revoked",
    ]);
    // The empty store got its first key as at a first start.
    const bootstrapKey = join(folder, "store/bootstrap-key");
    expect(statSync(bootstrapKey).mode & 0o777).toBe(0o600);
    for (const name of ["store/gateway.db", "store/master.key"])
      expect(readFileSync(join(folder, name)).includes(key)).toBe(false);
  });

  test("a generated key is taken as the first key", async () => {
    const { out } = await run(["keys", "generate"]);
    const environment = { MCP_GATEWAY_BOOTSTRAP_KEY: out.trim() };
    await json(["setup-admin", "--data-dir", join(folder, "preset")], environment);
    const { items } = (await json(["keys", "list", "--data-dir", join(folder, "preset")], environment)) as {
      items: { prefix: string }[];
    };
    expect(items.map((item) => item.prefix)).toEqual([out.slice(0, 12)]);
    expect(existsSync(join(folder, "preset/bootstrap-key"))).toBe(false);
  });

  test("mistakes are named", async () => {
    for (const [args, expected] of [
      [["--permission", "github"], "is no permission; write server:tool"],
      [["--namespace", "nowhere"], 'there is no namespace "nowhere"'],
      [["--organization", "nobody"], 'there is no organisation "nobody"'],
    ] as const) {
      const { code, err } = await run(["keys", "create", "--name", "x", ...args, ...dataDir()]);
      expect(code).toBe(1);
      expect(err).toStartWith("error: ");
      expect(err).toContain(expected);
      expect(err).not.toContain("Invalid params");
    }
  });

  test("an administrator is made once, and whoever tries again is told what to do", async () => {
    const dir = ["--data-dir", join(folder, "administered")];
    const first = await run(["setup-admin", "--username", "Ada", ...dir]);
    expect(first.code).toBe(0);
    expect(first.err).toContain("so a new store was made there");
    expect(first.err).toContain(
      `User Ada of organisation default, in sqlite:${join(folder, "administered")}`,
    );
    const { code, err, out } = await run(["setup-admin", "--username", "ada", ...dir]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toBe(
      'error: there is a user "ada" in "default" already; setup-reset gives it a new password\n',
    );
    expect((await run(["setup-reset", "--username", "ada", ...dir])).code).toBe(0);
  });

  test.each([
    [["keys", "list"]],
    [["keys", "revoke", "mgw_x"]],
    [["keys", "rotate", "--master"]],
    [["setup-reset"]],
    [["migrate", "status"]],
    [["migrate", "down", "--yes"]],
    [["store", "copy", "--to", "sqlite:elsewhere.db"]],
    [["audit", "verify", "--store"]],
  ])("%p where there is no store says so, and makes nothing", async (args) => {
    const dir = join(folder, "nowhere");
    const { code, err, out } = await run([...args, "--data-dir", dir]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`there is no store in sqlite:${dir}/gateway.db`);
    expect(err).toContain("--data-dir");
    expect(existsSync(dir)).toBe(false);
  });

  test("a new master key takes over with keys rotate --master", async () => {
    const next = Buffer.from(MASTER_KEY, "base64").reverse().toString("base64");
    const dir = ["--data-dir", join(folder, "rotated")];
    const made = await json(["keys", "create", "--name", "a", ...dir], {
      MCP_GATEWAY_MASTER_KEY: MASTER_KEY,
    });
    expect(made.status).toBe("active");
    const both = { MCP_GATEWAY_MASTER_KEY: `${next},${MASTER_KEY}` };
    expect(await json(["keys", "rotate", "--master", ...dir], both)).toMatchObject({ unreadable: 0 });
    expect(await json(["keys", "list", ...dir], { MCP_GATEWAY_MASTER_KEY: next })).toHaveProperty("items");
  });
});

test("what cannot be reached or made is named, with the setting that says where it is", async () => {
  const url = "postgres://gateway:a-long-password@127.0.0.1:1/gateway";
  const away = await run(["migrate", "status", "--data-dir", join(folder, "away")], { DATABASE_URL: url });
  expect(away.code).toBe(1);
  expect(away.err).toContain("no connection to PostgreSQL at 127.0.0.1:1 (store.url)");
  expect(away.err).not.toContain("a-long-password");
  const { code, err } = await run(["keys", "create", "--name", "x", "--data-dir", "/proc/none"]);
  expect(code).toBe(1);
  expect(err).toMatch(/^error: .*the data directory \/proc\/none cannot be made \(ENOENT\); choose another/);
  expect(err).not.toContain("    at ");
});

test("a command whose reader has read enough ends as it would have, without a word", async () => {
  const terminal = JSON.stringify(join(import.meta.dir, "terminal.ts"));
  const script = `const { print } = await import(${terminal});
    await Bun.sleep(300); print("a"); await Bun.sleep(100); print("b"); await Bun.sleep(100); process.exit(0);`;
  const child = Bun.spawn(
    ["sh", "-c", '{ "$@"; echo "ended with $?" >&2; } | true', "sh", process.execPath, "-e", script],
    {
      stderr: "pipe",
    },
  );
  expect(await new Response(child.stderr).text()).toBe("ended with 0\n");
});

test("audit verify says that there is nothing to verify with", async () => {
  const { code, err } = await run(["audit", "verify", "--dir", join(folder, "nothing")]);
  expect(code).toBe(1);
  expect(err).toContain("no public key");
});

test("audit verify of nothing is no success", async () => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const key = join(folder, "public-key.pem");
  writeFileSync(key, publicKey.export({ type: "spki", format: "pem" }));
  const { code, err } = await run([
    "audit",
    "verify",
    "--dir",
    join(folder, "unwritten"),
    "--public-key",
    key,
  ]);
  expect(code).toBe(1);
  expect(err).toContain("nothing is recorded there");
});

test("store copy fills an empty store", async () => {
  const dir = ["--data-dir", join(folder, "copied")];
  const made = await json(["keys", "create", "--name", "kept", ...dir]);
  const target = join(folder, "target.db");
  expect(await json(["store", "copy", "--to", `sqlite:${target}`, ...dir])).toMatchObject({
    tables: { api_keys: 2 },
  });
  const environment = {
    DATABASE_URL: `sqlite:${target}`,
    MCP_GATEWAY_MASTER_KEY: readFileSync(join(folder, "copied/master.key"), "utf8").trim(),
  };
  const { items } = (await json(["keys", "list"], environment)) as { items: { id: string }[] };
  expect(items.map((item) => item.id)).toContain(made.id as string);
});
