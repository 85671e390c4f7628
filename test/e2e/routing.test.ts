import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { request } from "./administration.ts";
import { eventually } from "./child.ts";
import { clientKinds, connect } from "./clients.ts";
import { legacySession, listen, post } from "./heard.ts";
import { TwoVersions } from "./two-versions.ts";

// Whom a route is about gets the second version where it names the first, and never learns of it; nobody else does.

const TIMEOUT_MS = 60_000;
const WITHIN_MS = 1_000;
let world: TwoVersions;

beforeAll(async () => {
  world = await TwoVersions.start();
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

describe.each(clientKinds.map((kind) => [kind] as const))("a client of the kind %s", (kind) => {
  test.each([
    ["merged", undefined, "github__"],
    ["of the server", "github", ""],
  ])(
    "at the endpoint %s gets everything from the one server that serves it, by the name it called",
    async (_name, server, prefix) => {
      for (const [who, label] of [
        ["beta", "v2"],
        ["stable", "v1"],
      ] as const) {
        const headers = { authorization: `Bearer ${world.keyOf(who)}` };
        await using peer = await connect(kind, world.gateway.mcpUrl(server), { headers });
        const tools = await peer.tools();
        expect(tools).toContain(`${prefix}test_label`);
        expect(tools.filter((name) => name.includes("v2"))).toEqual([]);
        expect((await peer.call(`${prefix}test_label`, {})).text).toBe(label);
        expect(await peer.prompts()).toContain(`${prefix}test_label_prompt`);
        expect(await peer.prompt(`${prefix}test_label_prompt`, {})).toContain(label);
        expect(await peer.read("test://label")).toBe(label);
        expect(await peer.complete(`${prefix}test_prompt_with_arguments`, "arg1", "v")).toEqual([label]);
        expect(await peer.complete("test://template/{id}/data", "id", "v")).toEqual([label]);
      }
    },
    TIMEOUT_MS,
  );
});

test("instructions and the status are the serving server's, under the called name", async () => {
  for (const [who, label] of [
    ["beta", "v2"],
    ["stable", "v1"],
  ] as const) {
    const merged = await world.ask(who, "server/discover", {});
    expect(merged.result.instructions).toBe(`## github\n\n${label}`);
    expect((await world.ask(who, "server/discover", {}, "/servers/github/mcp")).result.instructions).toBe(
      label,
    );
    const status = await request(world.gateway.origin, "GET", "/mcp/status", world.keyOf(who));
    expect(status.json.servers.map(({ name }: { name: string }) => name)).toEqual(["github"]);
  }
});

test("permission is asked of the called name: who may use the other alone reaches neither by it", async () => {
  expect((await world.call("other", "github__test_label")).error.message).toBe(
    "Unknown tool: github__test_label",
  );
  expect((await world.call("other", "github-v2__test_label")).result.content[0].text).toBe("v2");
  expect((await world.call("beta", "github-v2__test_label")).error.message).toContain("Unknown tool");
});

test("the record says who was called and who answered, and finds it", async () => {
  await world.labelOf("beta");
  await world.labelOf("stable");
  await eventually("both stand in the record", async () => {
    const routed = await world.lastCall("served_by=github-v2&target=test_label");
    return routed?.actor === `key:${world.keys.get("beta")?.id}` && routed.status === "ok"
      ? routed
      : undefined;
  });
  const routed = await world.lastCall("served_by=github-v2&target=test_label");
  expect(routed).toMatchObject({ server: "github", served_by: "github-v2", target: "test_label" });
  const own = await eventually("the other too", async () => {
    const entry = await world.lastCall(`actor=key:${world.keys.get("stable")?.id}&target=test_label`);
    return entry ?? undefined;
  });
  expect(own).toMatchObject({ server: "github", served_by: null });
});

test(
  "a route is in force at once, for sessions and streams that are open too, and so is its end",
  async () => {
    const who = "changing";
    const session = await legacySession(`${world.gateway.origin}/mcp`, world.keyOf(who));
    const stream = await listen(`${world.gateway.origin}/mcp`, world.keyOf(who));
    const both = [session.heard, stream];
    const inSession = async () => {
      const params = { name: "github__test_label", arguments: {} };
      const answer = await post(`${world.gateway.origin}/mcp`, session.headers, {
        ...{ id: 9, method: "tools/call", params },
      });
      return (await answer.text()).match(/"text":"(v\d)"/)?.[1];
    };
    const updates = () => both.map((heard) => heard.updates);
    /** Changes the watched resource at one of the two, through somebody whom it serves. */
    const change = async (by: string) => {
      const { result } = await world.call(by, "github__test_trigger_resource_update");
      expect(result).toBeDefined();
      await Bun.sleep(300);
    };
    const becomes = async (label: string) => {
      const began = performance.now();
      await eventually("the session's next call goes there", async () =>
        (await inSession()) === label ? true : undefined,
      );
      expect(await world.labelOf(who)).toBe(label);
      expect(performance.now() - began).toBeLessThan(WITHIN_MS);
      await eventually("both hear of other lists", async () =>
        both.every((heard) => heard.hasAll(["notifications/tools/list_changed"])) ? true : undefined,
      );
      await Bun.sleep(300);
      for (const heard of both) heard.clear();
    };
    expect(await inSession()).toBe("v1");
    await change("stable");
    expect(updates()).toEqual([1, 1]);
    for (const heard of both) heard.clear();

    const { json: policy } = await world.admin("POST", "/policies", world.routeOf("live", who, "github-v2"));
    expect(policy).toMatchObject({ effect: "route", route: { server: "github-v2" } });
    await becomes("v2");
    await change("stable");
    expect(updates()).toEqual([0, 0]);
    await change("beta");
    expect(updates()).toEqual([1, 1]);
    for (const heard of both) heard.clear();

    await world.admin("PUT", `/policies/${policy.id}`, { active: false });
    await becomes("v1");
    await world.admin("PUT", `/policies/${policy.id}`, { active: true });
    await becomes("v2");
    await world.admin("DELETE", `/policies/${policy.id}`);
    await becomes("v1");
    await change("beta");
    expect(updates()).toEqual([0, 0]);
    await change("stable");
    expect(updates()).toEqual([1, 1]);
    await Promise.all(both.map(({ events }) => events.cancel()));
  },
  TIMEOUT_MS,
);

test("a call that waits for its client's answers ends where it began; a server's state is that server's", async () => {
  const who = "changing";
  const name = "github__test_elicitation";
  const params = { name, arguments: { message: "who?" } };
  const parked = (await world.ask(who, "tools/call", params)).result;
  expect(parked.resultType).toBe("input_required");
  const { json: policy } = await world.admin(
    "POST",
    "/policies",
    world.routeOf("meanwhile", who, "github-v2"),
  );
  expect(await world.labelOf(who)).toBe("v2");
  const [question = ""] = Object.keys(parked.inputRequests);
  const answer = { action: "accept", content: { username: "ada", email: "a@b.c" } };
  const retry = { ...params, inputResponses: { [question]: answer }, requestState: parked.requestState };
  expect((await world.ask(who, "tools/call", retry)).result.content[0].text).toContain("ada");

  const stateful = { name: "github__test_input_required_result_request_state", arguments: {} };
  const asked = (await world.ask(who, "tools/call", stateful)).result;
  expect(asked.resultType).toBe("input_required");
  await world.admin("DELETE", `/policies/${policy.id}`);
  const inputResponses = { confirm: { action: "accept", content: { ok: true } } };
  const foreign = { ...stateful, inputResponses, requestState: asked.requestState };
  expect((await world.ask(who, "tools/call", foreign)).error.message).toContain("requestState is not valid");
});

test(
  "a server that a route leads to and that goes: a clear error, and never the other server",
  async () => {
    const who = "changing";
    const url = world.upstreams[2].url;
    const server = { name: "github-v3", type: "streamable-http", url };
    const make = async () => {
      const { json } = await world.admin("POST", "/gateway/servers", server);
      await eventually("it serves", async () =>
        (await world.call("admin", "github-v3__test_label")).result === undefined ? undefined : true,
      );
      return json.id as string;
    };
    const id = await make();
    const { json: policy } = await world.admin(
      "POST",
      "/policies",
      world.routeOf("canary", who, "github-v3"),
    );
    expect(await world.labelOf(who)).toBe("v3");
    await world.admin("PUT", `/gateway/servers/${id}`, { active: false });
    expect(await world.labelOf(who)).toBe("Server github cannot be reached.");
    await world.admin("DELETE", `/gateway/servers/${id}`);
    expect(await world.labelOf(who)).toBe("Server github cannot be reached.");
    const own = await world.call(who, "test_label", "/servers/github/mcp");
    expect(own.error.message).toBe("Server github cannot be reached.");
    const names = (await world.ask(who, "tools/list", {})).result.tools.map(
      (tool: { name: string }) => tool.name,
    );
    expect(names).toEqual([]);
    expect((await world.ask(who, "tools/list", {}, "/servers/github/mcp")).result.tools).toEqual([]);
    const read = await world.ask(who, "resources/read", { uri: "test://label" });
    expect(read.error.message).toBe("Server github cannot be reached.");
    expect((await world.call(who, "github-v3__test_label")).error.message).toContain("Unknown tool");
    // Whom no route is about is served as before.
    expect(await world.labelOf("stable")).toBe("v1");
    expect(world.gateway.logs()).toContain("route leads nowhere");
    const failed = await eventually("it stands in the record", async () => {
      const entry = await world.lastCall(
        "target=test_label&served_by=github-v3&error_code=upstream_unreachable",
      );
      return entry ?? undefined;
    });
    expect(failed).toMatchObject({ server: "github", target: "test_label", status: "error" });
    const body = {
      principal: { key_id: world.keys.get(who)?.id },
      call: { server: "github", tool: "test_label" },
    };
    const { json } = await world.admin("POST", "/policies/explain", body);
    expect(json).toMatchObject({ verdict: "allow", served_by: null, routed_by: "canary" });
    expect(json.steps.at(-1)).toEqual({
      ...{ step: "route", outcome: "refuses" },
      detail: "routed by canary to github-v3, which is not there, so nobody serves it",
    });
    // What is said of other things leaves it as it is, and it is mended by the server's return.
    await world.admin("PUT", `/policies/${policy.id}`, { description: "of the third version" });
    await make();
    expect(await world.labelOf(who)).toBe("v3");
    await world.admin("DELETE", `/policies/${policy.id}`);
    expect(await world.labelOf(who)).toBe("v1");
  },
  TIMEOUT_MS,
);

test(
  "a server that is away is named as it was called",
  async () => {
    await world.upstreams[1].stop();
    const message = await eventually("the call fails", async () => {
      const label = await world.labelOf("beta");
      return label === "v2" ? undefined : label;
    });
    expect(message).toContain("github ");
    expect(message).not.toContain("github-v2");
    expect(await world.labelOf("stable")).toBe("v1");
  },
  TIMEOUT_MS,
);
