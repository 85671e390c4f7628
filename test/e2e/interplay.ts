import { expect } from "bun:test";
import { eventually } from "./child.ts";
import { answers, type Peer } from "./peer.ts";

// What a client and our fixture can do with each other, the same directly and through a gateway.

export const WATCHED = "test://watched-resource";

/** Lists, one call of each kind of content, an unknown name, an error from the tool. */
export async function callsTools(peer: Peer): Promise<void> {
  const tools = await peer.tools();
  expect(tools).toContain("test_simple_text");
  expect(tools).toContain("json_schema_2020_12_tool");
  expect(await peer.call("test_simple_text", {})).toMatchObject({
    text: "This is a simple text response for testing.",
    isError: false,
  });
  const payload = { deep: [1, { two: "π" }], empty: {} };
  const echoed = await peer.call("test_echo", { nonce: "n-1", payload });
  expect(echoed).toEqual({ text: "n-1", isError: false, structured: { nonce: "n-1", payload } });
  expect((await peer.call("test_multiple_content_types", {})).text).toContain("(image)");
  expect((await peer.call("test_audio_content", {})).text).toBe("(audio)");
  expect((await peer.call("test_error_handling", {})).isError).toBe(true);
  await expect(peer.call("no_such_tool", {})).rejects.toThrow();
}

export async function readsResources(peer: Peer): Promise<void> {
  expect(await peer.resources()).toContain("test://static-text");
  expect(await peer.read("test://static-text")).toBe("This is the content of the static text resource.");
  expect((await peer.read("test://static-binary")).startsWith("iVBOR")).toBe(true);
  expect(await peer.templates()).toEqual(["test://template/{id}/data"]);
  expect(JSON.parse(await peer.read("test://template/42/data"))).toMatchObject({ id: "42" });
  expect(await peer.complete("test://template/{id}/data", "id", "par")).toContain("paris");
  const unknown = await peer.read("test://no-such-resource").catch((thrown: unknown) => thrown);
  // 2026-07-28 has no -32002 (server/resources).
  const codes = peer.era === "modern" ? [-32602] : [-32002, -32602];
  expect(codes).toContain((unknown as { code: number }).code);
}

export async function getsPrompts(peer: Peer): Promise<void> {
  expect(await peer.prompts()).toContain("test_prompt_with_arguments");
  const text = await peer.prompt("test_prompt_with_arguments", { arg1: "one", arg2: "two" });
  expect(text).toBe("Prompt with arguments: arg1='one', arg2='two'");
  expect(await peer.complete("test_prompt_with_arguments", "arg1", "par")).toEqual([
    "paris",
    "park",
    "party",
  ]);
}

export async function hearsProgress(peer: Peer): Promise<void> {
  const heard: [number, number | undefined][] = [];
  await peer.call(
    "test_tool_with_progress",
    {},
    { onProgress: (progress, total) => heard.push([progress, total]) },
  );
  expect(heard).toEqual([
    [0, 100],
    [50, 100],
    [100, 100],
  ]);
}

export async function hearsLogs(peer: Peer): Promise<void> {
  await peer.setLogLevel("debug");
  await peer.call("test_tool_with_logging", {}, { logLevel: "debug" });
  await eventually("three log lines", () => (peer.heard.logs.length >= 3 ? true : undefined));
  expect(peer.heard.logs).toEqual([
    "Tool execution started",
    "Tool processing data",
    "Tool execution completed",
  ]);
}

/** A warning passes and a debug line does not, when the client asked for warnings. */
export async function filtersLogs(peer: Peer): Promise<void> {
  await peer.setLogLevel("warning");
  await peer.call("test_logging_tool", {}, { logLevel: "warning" });
  await eventually("a log line", () => (peer.heard.logs.length >= 1 ? true : undefined));
  expect(peer.heard.logs).toEqual([{ step: "warning line" }]);
}

/** The server itself learns that the caller gave up, and the call does not run to its end. */
export async function cancels(peer: Peer): Promise<void> {
  const nonce = crypto.randomUUID();
  const abort = new AbortController();
  // Progress says that the server has begun.
  const onProgress = () => abort.abort();
  const call = peer.call("test_slow", { ms: 10_000, nonce }, { signal: abort.signal, onProgress });
  await expect(call).rejects.toThrow();
  await eventually("the server saw the cancellation", async () => {
    const { text } = await peer.call("test_was_cancelled", { nonce });
    return text === "true" ? true : undefined;
  });
}

/**
 * Tools and prompts come and go; the client is told, asks again, and sees it: at once, or, where another process may
 * answer than told, soon.
 */
export async function hearsListChanges(peer: Peer, sees: "at once" | "soon" = "at once"): Promise<void> {
  const hasTool = async () => (await peer.tools()).includes("test_dynamic_tool");
  const hasResource = async () => (await peer.resources()).includes("test://dynamic");
  const become = async (what: string, has: () => Promise<boolean>, wanted: boolean) => {
    if (sees === "at once") expect(await has()).toBe(wanted);
    else await eventually(what, async () => ((await has()) === wanted ? true : undefined));
  };
  await peer.subscribe([]);
  const [hadTool, hadResource] = [await hasTool(), await hasResource()];
  await peer.call("test_trigger_tool_change", {});
  await eventually("told of tools", () => (peer.heard.changes.includes("tools") ? true : undefined));
  await become("the tool's change on the list", hasTool, !hadTool);
  await peer.call("test_trigger_prompt_change", {});
  await eventually("told of prompts", () => (peer.heard.changes.includes("prompts") ? true : undefined));
  await peer.call("test_trigger_resource_change", {});
  await eventually("told of resources", () => (peer.heard.changes.includes("resources") ? true : undefined));
  await become("the resource's change on the list", hasResource, !hadResource);
}

/**
 * @param hears of the first update; or of a later one, where the client's stream, which an older client opens without
 *   waiting for it, may reach another process after the update did
 */
export async function hearsResourceUpdates(
  peer: Peer,
  hears: "the first" | "a later" = "the first",
): Promise<void> {
  await peer.subscribe([WATCHED]);
  const before = await peer.read(WATCHED);
  await peer.call("test_trigger_resource_update", {});
  const isTold = () => peer.heard.changes.includes(WATCHED);
  if (hears === "a later") {
    for (let again = 0; again < 8 && !isTold(); again++) {
      await Bun.sleep(500);
      if (!isTold()) await peer.call("test_trigger_resource_update", {});
    }
  }
  await eventually("told of the resource", () => (isTold() ? true : undefined));
  expect(await peer.read(WATCHED)).not.toBe(before);
}

export async function answersElicitation(peer: Peer): Promise<void> {
  const { text } = await peer.call("test_elicitation", { message: "Who are you?" });
  expect(text).toContain("action=accept");
  expect(text).toContain(answers.elicited.email);
  expect(peer.heard.questions).toEqual(["elicitation"]);
}

export async function answersSampling(peer: Peer): Promise<void> {
  expect((await peer.call("test_sampling", { prompt: "Say something" })).text).toBe(
    `LLM response: ${answers.sampled}`,
  );
  expect(peer.heard.questions).toEqual(["sampling"]);
}

export async function answersRoots(peer: Peer): Promise<void> {
  expect((await peer.call("test_roots", {})).text).toBe(`Roots: ${answers.root}`);
  expect(peer.heard.questions).toEqual(["roots"]);
}

/** The user is sent to a URL in the middle of a call. */
export async function answersUrlElicitation(peer: Peer): Promise<void> {
  expect((await peer.call("test_elicitation_url", {})).text).toContain("Visit: action=accept");
  expect(peer.heard.urls).toEqual(["https://signin.example/start"]);
}

/** The user has to have been at a URL before the call works: `-32042` where both sides know it, a question elsewhere. */
export async function visitsRequiredUrl(peer: Peer): Promise<void> {
  const nonce = crypto.randomUUID();
  const call = () => peer.call("test_url_required", { nonce });
  const answer = await call().catch((thrown: unknown) => {
    if (!peer.visited(thrown)) throw thrown;
    return call();
  });
  expect(answer.text).toBe(`signed in: ${nonce}`);
  expect(peer.heard.urls).toEqual([`https://signin.example/${nonce}`]);
}

/** The model is given a tool and uses it. */
export async function answersSamplingWithTools(peer: Peer): Promise<void> {
  const { text } = await peer.call("test_sampling_with_tools", {});
  expect(JSON.parse(text.replace("Model: ", ""))).toMatchObject([answers.toolUse]);
  expect(peer.heard.questions).toEqual(["sampling"]);
}

/** Three kinds of question at once, two rounds one after the other, and questions on a prompt and a resource. */
export async function answersManyQuestions(peer: Peer): Promise<void> {
  expect((await peer.call("test_input_required_result_multiple_inputs", {})).text).toBe(
    "all inputs received",
  );
  expect([...peer.heard.questions].sort()).toEqual(["elicitation", "roots", "sampling"]);
  const rounds = await peer.call("test_input_required_result_multi_round", {});
  expect(rounds.text).toContain("step1");
  expect(rounds.text).toContain("step2");
  expect(await peer.prompt("test_input_required_result_prompt", {})).toBe("Use this context: tests");
}

/** The official server-everything, whatever stands in between. */
export async function usesServerEverything(peer: Peer): Promise<void> {
  expect(await peer.tools()).toContain("echo");
  expect((await peer.call("echo", { message: "hi" })).text).toBe("Echo: hi");
  expect((await peer.call("get-sum", { a: 2, b: 40 })).text).toContain("42");
  expect((await peer.call("get-structured-content", { location: "Chicago" })).structured).toBeDefined();
  const heard: number[] = [];
  const long = { duration: 0.2, steps: 4 };
  await peer.call("trigger-long-running-operation", long, { onProgress: (progress) => heard.push(progress) });
  expect(heard).toEqual([1, 2, 3, 4]);
  const [first] = await peer.resources();
  expect(first).toBeDefined();
  expect((await peer.read(first ?? "")).length).toBeGreaterThan(0);
  expect(await peer.prompts()).toContain("completable-prompt");
  expect(await peer.prompt("args-prompt", { city: "Paris" })).toContain("Paris");
  expect(await peer.complete("completable-prompt", "department", "S")).toEqual(["Sales", "Support"]);
}

/** What `interplay` is to our fixture. */
export const interplay = {
  callsTools,
  readsResources,
  getsPrompts,
  hearsProgress,
  hearsLogs,
  filtersLogs,
  cancels,
  hearsListChanges,
  hearsResourceUpdates,
  answersElicitation,
  answersUrlElicitation,
  visitsRequiredUrl,
  answersSampling,
  answersSamplingWithTools,
  answersRoots,
  answersManyQuestions,
} as const;
