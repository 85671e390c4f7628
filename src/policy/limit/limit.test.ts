import { describe, expect, test } from "bun:test";
import type { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import type { LimitRoom } from "../../model/limit-note.ts";
import type { LimitRule } from "../../model/limit-rule.ts";
import type { LimitLedger } from "../../model/ports/limit-ledger.ts";
import type { LimitAdmission, LimitDemand, Limiter, LimitVerdict } from "../../model/ports/limiter.ts";
import type { Upstream } from "../../model/ports/upstream.ts";
import {
  ORGANIZATION_ID,
  sampleEndpoint,
  sampleExchange,
  samplePrincipal,
  sampleServer,
  snapshotOf,
} from "../../model/sample-exchange.testing.ts";
import { sampleLimit } from "../../model/sample-limit.testing.ts";
import type { OrganizationSnapshot } from "../../model/snapshot.ts";
import { arrivalOf, verdict } from "../arrival.testing.ts";
import { ipLimitPolicy, limitPolicy, toolLimitPolicy } from "./limit.ts";
import { Limits } from "./limits.ts";

const DONE: Outcome = { kind: "result", result: {}, exact: false };
const github = sampleServer("github");
const files = sampleServer("files");

/** A limiter that counts plainly, without time; the real ones have a contract suite of their own. */
class Tally implements Limiter {
  readonly counted = new Map<string, number>();
  underWay = 0;
  readonly #later: boolean;
  constructor(later = false) {
    this.#later = later;
  }

  decide(demands: readonly LimitDemand[]): LimitVerdict | Promise<LimitVerdict> {
    const verdict = this.#decide(demands);
    return this.#later ? Promise.resolve(verdict) : verdict;
  }
  #decide(demands: readonly LimitDemand[]): LimitVerdict {
    const key = ({ rule, subject }: LimitDemand) => `${rule.name} ${subject}`;
    const full = demands.find((demand) => (this.counted.get(key(demand)) ?? 0) >= demand.rule.limit);
    if (full !== undefined) return { admitted: false, rule: full.rule, retryAfterMs: 41_200 };
    for (const demand of demands) this.counted.set(key(demand), (this.counted.get(key(demand)) ?? 0) + 1);
    if (!demands.some(({ rule }) => rule.algorithm === "concurrency")) return ADMITTED;
    this.underWay++;
    return { ...ADMITTED, release: () => this.underWay-- };
  }
  standing() {
    return { used: 0, resetMs: 0 };
  }
  reset(): void {}
  close(): void {}
}
const ADMITTED: LimitAdmission = { admitted: true, release: undefined, closest: undefined };

class PlainLedger implements LimitLedger {
  readonly used = new Map<string, number>();
  readonly refused: string[] = [];
  quotaWait({ rule, subject }: LimitDemand): number {
    return (this.used.get(subject) ?? 0) < rule.limit ? 0 : 3_600_000;
  }
  quotaRoom({ rule, subject }: LimitDemand): LimitRoom {
    return { rule, remaining: rule.limit - (this.used.get(subject) ?? 0), returnsMs: 3_600_000 };
  }
  take({ subject }: LimitDemand): void {
    this.used.set(subject, (this.used.get(subject) ?? 0) + 1);
  }
  giveBack({ subject }: LimitDemand): void {
    this.used.set(subject, (this.used.get(subject) ?? 0) - 1);
  }
  note({ rule }: LimitDemand, admitted: boolean): void {
    if (!admitted) this.refused.push(rule.name);
  }
}

function setUp(rules: readonly LimitRule[], later = false) {
  const limiter = new Tally(later);
  const ledger = new PlainLedger();
  const limits = new Limits({ limiter, ledger, clock: { now: () => 0 } });
  const organization = {
    ...snapshotOf().organizations.get(ORGANIZATION_ID),
    id: ORGANIZATION_ID,
    slug: "acme",
    limits: rules,
  } as OrganizationSnapshot;
  const find = (id: string) => (id === ORGANIZATION_ID ? organization : undefined);
  const [caller, target] = [limitPolicy(limits, find), toolLimitPolicy(limits, find)];
  const call = async (exchange: Exchange, outcome: () => Outcome | Promise<Outcome> = () => DONE) => {
    try {
      await caller(exchange, (passed) => target(passed, outcome));
      return "passed";
    } catch (thrown) {
      return (thrown as GatewayError).code ?? String(thrown);
    }
  };
  const passes = async (times: number, make: () => Exchange) => {
    let count = 0;
    for (let n = 0; n < times; n++) if ((await call(make())) === "passed") count++;
    return count;
  };
  return { limiter, ledger, limits, call, passes };
}

function toolCall(
  server = github,
  tool = "search",
  over: Parameters<typeof sampleExchange>[0] = {},
): Exchange {
  const exchange = sampleExchange(over);
  const target: Target = {
    kind: "tool",
    server,
    upstream: {} as Upstream,
    name: tool,
    definition: undefined,
    repeatable: false,
  };
  exchange.target = target;
  return exchange;
}
const listing = (over: Parameters<typeof sampleExchange>[0] = {}) =>
  sampleExchange({ method: "tools/list", ...over });
const as = (id: string, over: Parameters<typeof samplePrincipal>[0] = {}) => ({
  principal: samplePrincipal({ id, ...over }),
});

describe("a rule counts apart by", () => {
  test("user: keys of one user together, a key of nobody as a user of its own", async () => {
    const { passes } = setUp([sampleLimit({ per: ["user"], limit: 3 })]);
    expect(await passes(2, () => toolCall(github, "a", as("key:1", { userId: "u1" })))).toBe(2);
    expect(await passes(5, () => toolCall(github, "a", as("key:2", { userId: "u1" })))).toBe(1);
    expect(await passes(5, () => toolCall(github, "a", as("key:3")))).toBe(3);
  });

  test("key, organisation, namespace, server and address", async () => {
    for (const [per, other] of [
      ["key", () => toolCall(github, "a", as("key:2"))],
      ["namespace", () => toolCall(github, "a", { endpoint: { ...sampleEndpoint(), namespaceId: "other" } })],
      ["server", () => toolCall(files, "a")],
      ["ip", () => toolCall(github, "a", { clientAddress: "203.0.113.8" })],
      ["tool", () => toolCall(github, "b")],
      ["endpoint", () => toolCall(github, "a", { endpoint: sampleEndpoint(github) })],
    ] as const) {
      const { passes } = setUp([sampleLimit({ per: [per], limit: 2, organizationId: ORGANIZATION_ID })]);
      expect([per, await passes(5, () => toolCall(github, "a"))]).toEqual([per, 2]);
      expect([per, await passes(5, other)]).toEqual([per, 2]);
    }
    const { passes } = setUp([sampleLimit({ per: ["organization"], limit: 2 })]);
    expect(await passes(5, () => toolCall(github, "a", as(crypto.randomUUID())))).toBe(2);
  });

  test("an IPv6 network, not each of its addresses", async () => {
    const { passes } = setUp([sampleLimit({ per: ["ip"], limit: 4, organizationId: ORGANIZATION_ID })]);
    let host = 0;
    const next = () => toolCall(github, "a", { clientAddress: `2001:db8:1:2::${(++host).toString(16)}` });
    expect(await passes(20, next)).toBe(4);
  });

  test("combinations", async () => {
    const { passes } = setUp([sampleLimit({ per: ["tool", "user"], limit: 2 })]);
    expect(await passes(5, () => toolCall(github, "a"))).toBe(2);
    expect(await passes(5, () => toolCall(github, "b"))).toBe(2);
    expect(await passes(5, () => toolCall(github, "a", as("key:2")))).toBe(2);
    expect(await passes(5, () => toolCall(github, "a"))).toBe(0);
  });

  test("each pair of tool and user, however many of them come by turns", async () => {
    const { passes } = setUp([sampleLimit({ per: ["tool", "user"], limit: 2 })]);
    const users = Array.from({ length: 40 }, (_, index) => `u${index}`);
    let passed = 0;
    for (let round = 0; round < 3; round++) {
      for (const userId of users)
        for (const tool of ["a", "b"])
          passed += await passes(1, () => toolCall(github, tool, as(`key:${userId}`, { userId })));
    }
    expect(passed).toBe(users.length * 2 * 2);
  });
});

describe("a rule applies to", () => {
  test.each([
    [{ tool: ["github:search"] }, [2, 5, 5]],
    [{ tool: ["github:*"] }, [2, 0, 5]],
    [{ tool: ["default/github:*"] }, [2, 0, 5]],
    [{ tool: ["other/github:*"] }, [5, 5, 5]],
    [{ server: ["files"] }, [5, 5, 2]],
    [{ server: ["g*", "f*"] }, [2, 0, 0]],
    [{ user: ["key:nobody"] }, [5, 5, 5]],
    [{ namespace: ["default"] }, [2, 0, 0]],
    [{ endpoint: ["/namespaces/default/mcp"] }, [2, 0, 0]],
    [{ endpoint: ["/namespaces/default/servers/*"] }, [5, 5, 5]],
    [{ ip: ["203.0.113.0/24"] }, [2, 0, 0]],
    [{ ip: ["2001:db8::/32"] }, [5, 5, 5]],
    [{ organization: ["acme"] }, [2, 0, 0]],
    [{ organization: ["umbrella"] }, [5, 5, 5]],
    [{ tool: ["github:*"], user: ["key:nobody"] }, [5, 5, 5]],
  ] as const)("%j", async (match, expected) => {
    const { passes } = setUp([sampleLimit({ match, limit: 2, organizationId: ORGANIZATION_ID })]);
    const seen: number[] = [];
    for (const [server, tool] of [
      [github, "search"],
      [github, "create"],
      [files, "search"],
    ] as const) {
      seen.push(await passes(5, () => toolCall(server, tool)));
    }
    expect(seen).toEqual([...expected]);
  });

  test("lists only where it speaks of no server and no tool", async () => {
    const { passes } = setUp([
      sampleLimit({ per: ["server"], limit: 1 }),
      sampleLimit({ per: ["user"], limit: 3 }),
    ]);
    expect(await passes(5, listing)).toBe(3);
  });

  test("its own namespace alone", async () => {
    const { passes } = setUp([
      sampleLimit({ namespaceId: "elsewhere", organizationId: ORGANIZATION_ID, limit: 1 }),
    ]);
    expect(await passes(3, toolCall)).toBe(3);
  });

  test("its own organisation alone", async () => {
    const { passes } = setUp([sampleLimit({ organizationId: crypto.randomUUID(), limit: 1 })]);
    expect(await passes(3, toolCall)).toBe(3);
  });
});

describe("there is no way around by", () => {
  test("the endpoint or the spelling of the path: a tool is one tool", async () => {
    const { passes } = setUp([sampleLimit({ per: ["tool"], limit: 3 })]);
    const paths = [
      "/mcp",
      "/MCP",
      "/servers/github/mcp",
      "/namespaces/default/servers/github/mcp",
      "/github",
    ];
    let turn = 0;
    const next = () => {
      const path = paths[turn++ % paths.length] as string;
      const endpoint = { ...sampleEndpoint(turn % 2 === 0 ? github : undefined), path };
      return toolCall(github, "search", {
        endpoint,
        params: { name: turn % 3 === 0 ? "search" : "github__search" },
      });
    };
    expect(await passes(20, next)).toBe(3);
  });

  test("resources' many URIs, which count for their server", async () => {
    const { passes } = setUp([sampleLimit({ per: ["server"], limit: 3 })]);
    let n = 0;
    const next = () => {
      const exchange = toolCall(github, `file:///${n++}`, { method: "resources/read" });
      exchange.target = { ...(exchange.target as Target), kind: "resource" };
      return exchange;
    };
    expect(await passes(20, next)).toBe(3);
  });
});

describe("a refusal", () => {
  test("names the rule and the wait, in data and in headers", async () => {
    const { limits } = setUp([]);
    const rule = sampleLimit({ name: "per-user", limit: 1 });
    await limits.admit([{ rule, subject: "a" }]);
    const thrown = await Promise.resolve()
      .then(() => limits.admit([{ rule, subject: "a" }]))
      .catch((error: unknown) => error as GatewayError);
    expect(thrown).toMatchObject({
      code: "rate_limited",
      httpStatus: 429,
      message: "The limit per-user is reached. Try again in 42 s.",
      data: { rule: "per-user", limit: 1, window_seconds: 60, retry_after_seconds: 42 },
      headers: {
        "retry-after": "42",
        "ratelimit-policy": '"per-user";q=1;w=60',
        ratelimit: '"per-user";r=0;t=42',
      },
    });
    expect(limits.counts.refusedBy.get("per-user")).toBe(1);
  });

  test.each([false, true])(
    "lets nothing through and counts nothing elsewhere (answer later: %p)",
    async (later) => {
      const tight = sampleLimit({ name: "tight", per: ["tool"], limit: 1 });
      const quota = sampleLimit({
        name: "quota",
        algorithm: "quota",
        period: "day",
        per: ["user"],
        limit: 5,
      });
      const { call, ledger } = setUp([tight, quota], later);
      expect(await call(toolCall())).toBe("passed");
      let reached = false;
      const refused = await call(toolCall(), () => {
        reached = true;
        return DONE;
      });
      expect(refused).toBe("rate_limited");
      expect(reached).toBe(false);
      expect([...ledger.used.values()]).toEqual([1]);
      expect(ledger.refused).toEqual(["tight"]);
    },
  );
});

describe("quotas", () => {
  const quota = sampleLimit({
    name: "daily",
    algorithm: "quota",
    period: "day",
    per: ["key"],
    limit: 2,
    windowMs: 0,
  });

  test("count calls, not lists, and refuse what is more", async () => {
    const { call, passes } = setUp([quota]);
    expect(await passes(9, listing)).toBe(9);
    expect(await passes(9, toolCall)).toBe(2);
    expect(await call(toolCall())).toBe("quota_exhausted");
  });

  test("a call that asks its client something costs when it completes", async () => {
    const { call, ledger } = setUp([quota]);
    const asking: Outcome = { kind: "result", result: { resultType: "input_required" }, exact: false };
    for (let round = 0; round < 5; round++) {
      expect(await call(toolCall(), () => Promise.resolve(asking))).toBe("passed");
    }
    expect([...ledger.used.values()]).toEqual([0]);
    expect(await call(toolCall())).toBe("passed");
    expect([...ledger.used.values()]).toEqual([1]);
  });
});

test("a place is given back however the call ends", async () => {
  const { call, limiter } = setUp([sampleLimit({ algorithm: "concurrency", windowMs: 0, limit: 9 })]);
  const ends: (() => Outcome | Promise<Outcome>)[] = [
    () => DONE,
    () => Promise.resolve(DONE),
    () => {
      throw new Error("thrown");
    },
    () => Promise.reject(new Error("rejected")),
  ];
  for (const end of ends) {
    await call(toolCall(), () => {
      expect(limiter.underWay).toBe(1);
      return end();
    });
    expect(limiter.underWay).toBe(0);
  }
});

test("a name of a server that is away, which anybody may think up, counts for no rule by tool", async () => {
  const { passes, limiter, ledger } = setUp([
    sampleLimit({ per: ["tool"], limit: 1 }),
    sampleLimit({ name: "quota", algorithm: "quota", period: "day", per: ["key", "server"], limit: 2 }),
  ]);
  const away = () => {
    const exchange = toolCall(github, "made-up");
    exchange.target = { ...(exchange.target as Target), upstream: undefined };
    return exchange;
  };
  expect(await passes(5, away)).toBe(2);
  expect([limiter.counted.size, ledger.used.size]).toEqual([0, 1]);
});

describe("at the door", () => {
  const door = (rules: readonly LimitRule[]) => {
    const limits = new Limits({ limiter: new Tally(), ledger: new PlainLedger(), clock: { now: () => 0 } });
    const policy = ipLimitPolicy<string>(limits, () => rules);
    return (over: Parameters<typeof arrivalOf>[1], headers = {}) =>
      verdict(() => policy(arrivalOf(headers, over), () => "served"));
  };

  test("each client address has its count, on every path, credential or not", async () => {
    const at = door([sampleLimit({ per: ["ip"], limit: 2 })]);
    const from = (clientAddress: string, path = "/mcp") => at({ clientAddress, path });
    expect(await from("198.51.100.1")).toBe("passed");
    expect(await from("198.51.100.1", "/servers/github/mcp")).toBe("passed");
    expect(await from("198.51.100.1", "/api/v1/auth/login")).toBe("rate_limited");
    expect(await from("198.51.100.2")).toBe("passed");
  });

  test("probes are let through, unless they bring a credential to look at", async () => {
    const at = door([sampleLimit({ per: ["ip"], limit: 1 })]);
    expect(await at({ path: "/mcp" })).toBe("passed");
    for (const path of ["/live", "/ready", "/health"]) expect(await at({ path })).toBe("passed");
    expect(await at({ path: "/ready" }, { authorization: "Bearer x" })).toBe("rate_limited");
  });
});
