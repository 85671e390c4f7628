import { describe, expect, test } from "bun:test";
import { createLog, type LogSettings } from "./log.ts";

function lines(settings: Partial<LogSettings>, say: (log: ReturnType<typeof createLog>) => void): string[] {
  const printed: string[] = [];
  say(createLog({ level: "debug", format: "json", ...settings }, (line) => printed.push(line)));
  return printed;
}

test("JSON is one object a line, with time, level, message and fields", () => {
  const [line = "", ...more] = lines({}, (log) => log.warn({ server: "s", n: 1 }, "it\nbroke"));
  expect(more).toEqual([]);
  expect(line.trimEnd()).not.toContain("\n");
  const { time, ...rest } = JSON.parse(line) as { time: string };
  expect(rest as object).toEqual({ level: "warn", server: "s", n: 1, msg: "it\nbroke" });
  expect(new Date(time).toISOString()).toBe(time);
});

test("levels below the one set are silent, and a child adds its fields", () => {
  const printed = lines({ level: "warn" }, (log) => {
    log.info({}, "quiet");
    log.child({ correlationId: "c1" }).error({}, "loud");
  });
  expect(printed.map((line) => JSON.parse(line) as object)).toMatchObject([
    { correlationId: "c1", msg: "loud" },
  ]);
});

describe("secrets", () => {
  test.each([
    { authorization: "hunter2" },
    { headers: { authorization: "Bearer hunter2" } },
    { headers: { Authorization: "Bearer hunter2" } },
    { headers: { "x-api-key": "hunter2", cookie: "hunter2", "set-cookie": "hunter2" } },
    { request: { headers: { authorization: "hunter2" } } },
    { connection: { auth: { token: "hunter2" } } },
    { password: "hunter2", secret: "hunter2", apiKey: "hunter2", credential: "hunter2" },
  ])("%p is not printed", (fields) => {
    for (const format of ["json", "text"] as const) {
      const [line = ""] = lines({ format }, (log) => log.info(fields, "m"));
      expect(line).toContain("[redacted]");
      expect(line).not.toContain("hunter2");
    }
  });
});

test("an error is printed with its causes, and the stack of the innermost", () => {
  const inner = new TypeError("refused");
  const [line = ""] = lines({}, (log) => log.error({ err: new Error("call failed", { cause: inner }) }, "m"));
  const { err } = JSON.parse(line) as { err: { message: string; stack: string } };
  expect(err.message).toBe("Error: call failed <- TypeError: refused");
  expect(err.stack).toContain("log.test.ts");
});

describe("text is for people", () => {
  test("time, level, message, fields, and an error on its own line", () => {
    const [line = ""] = lines({ format: "text" }, (log) =>
      log.error({ server: "github", count: 2, note: "two words", err: new Error("no") }, "call failed"),
    );
    expect(line).toMatch(
      /^\d\d:\d\d:\d\d error call failed server=github count=2 note="two words"\n {4}Error: no\n$/,
    );
  });

  test("what others wrote cannot forge a line or drive the terminal", () => {
    const evil = "a\n12:00:00 info  forged\u001b[2Jx\u009b31m\u202e";
    const [line = ""] = lines({ format: "text" }, (log) =>
      log.warn({ name: evil, err: new Error(evil) }, evil),
    );
    expect(line.trimEnd().split("\n")).toHaveLength(2);
    expect(line).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

test("the level changes while running, for children made before it too", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", format: "json" }, (line) => lines.push(line));
  const child = log.child({ part: "p" });
  child.debug({}, "unheard");
  log.setLevel("debug");
  child.debug({}, "heard");
  log.setLevel("error");
  child.warn({}, "unheard");
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["heard"]);
});
