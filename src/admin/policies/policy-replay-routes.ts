import { z } from "zod";
import type { RequestLogEntry } from "../../model/log-entry.ts";
import type { Operation } from "../../model/operation.ts";
import type { LogPlace } from "../../model/ports/records.ts";
import type { Principal } from "../../model/principal.ts";
import type { Kind } from "../../policy/authorize/pattern.ts";
import { isObject, type JsonObject } from "../../protocol/json-value.ts";
import { cursorOf, instant, placeIn, time, timeOf, uuid } from "../fields.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";
import { annotationsOf } from "./listed-annotations.ts";
import { newPolicy } from "./policy-body.ts";
import { callerOf } from "./policy-principal.ts";
import { PolicyTrial, type Trial, type TriedCall } from "./policy-trial.ts";
import { inForce, POLICIES_MAX, set, type TriedPolicies, tried, verdict } from "./policy-trial-body.ts";
import { RouteTrial } from "./route-trial.ts";

const CALLS_MAX = 10_000;
const PAGE = 1_000;
/** Records looked at for one answer, whatever they are about. */
const RECORDS_MAX = 50_000;

const KINDS: Readonly<Record<string, Kind>> = {
  "tools/call": "tool",
  "prompts/get": "prompt",
  "resources/read": "resource",
};

const flip = z.object({
  call_id: z.string(),
  at: time,
  principal: z.string(),
  server: z.string(),
  target: z.string(),
  before: verdict,
  after: verdict,
  decided_by: z.string().nullable(),
  served_before: z
    .string()
    .nullable()
    .describe("The server that answers it; none where a route leads nowhere."),
  served_after: z.string().nullable(),
});

const place = z.tuple([instant, instant, uuid]);

/** Where an answer ended, and from when on records count: the hours are counted from the first request. */
function placeOf(cursor: string | undefined, from: number): { from: number; place: LogPlace | undefined } {
  if (cursor === undefined) return { from, place: undefined };
  const [first, at, id] = placeIn(place, cursor);
  return { from: first, place: { at, id, sequence: 0 } };
}

/** A recorded call as both sides are asked about it. */
interface Asked {
  readonly entry: RequestLogEntry;
  readonly principal: Principal;
  readonly call: TriedCall;
}

/** What one set of policies says of a call. */
interface Answered extends Trial {
  readonly servedBy: string | null;
}

/** One of the two sets that recorded calls are put to. */
class Side {
  readonly #trial: PolicyTrial;
  readonly #routes: RouteTrial;

  constructor(parts: AdminParts, operation: Operation, { access, routing }: TriedPolicies) {
    this.#trial = new PolicyTrial(access, parts.scopes.rules(operation.organizationId));
    this.#routes = new RouteTrial(parts, operation, routing);
  }

  ask({ principal, call }: Asked): Answered {
    const { servedBy } = this.#routes.ask(principal, call);
    return { ...this.#trial.ask(principal, this.#routes.annotated(principal, call)), servedBy };
  }
}

/** Recorded calls put to the policies in force and to proposed ones. */
class Replay {
  readonly #parts: AdminParts;
  readonly #operation: Operation;
  readonly #before: Side;
  readonly #after: Side;
  readonly #callers = new Map<string, Promise<Principal | undefined>>();
  readonly flips: z.output<typeof flip>[] = [];
  calls = 0;
  undecidable = 0;

  constructor(parts: AdminParts, operation: Operation, before: Side, after: Side) {
    this.#parts = parts;
    this.#operation = operation;
    this.#before = before;
    this.#after = after;
  }

  async take(page: readonly RequestLogEntry[]): Promise<void> {
    const unclear: Asked[] = [];
    for (const entry of page) {
      const asked = await this.#asked(entry);
      if (asked === undefined) continue;
      const answers = this.#ask(asked);
      if (answers.some(({ readsArguments }) => readsArguments)) unclear.push(asked);
      else this.#compare(asked, answers);
    }
    if (unclear.length === 0) return;
    const known = await this.#recordedArguments(unclear.map(({ entry }) => entry.id));
    for (const asked of unclear) {
      const args = known.get(asked.entry.id);
      if (args === undefined) this.undecidable++;
      else this.#compare(asked, this.#ask({ ...asked, call: { ...asked.call, args } }));
    }
  }

  async #asked(entry: RequestLogEntry): Promise<Asked | undefined> {
    const { call, startedAt } = entry;
    const kind = call === undefined ? undefined : KINDS[call.method];
    if (call?.serverName === undefined || call.target === undefined || kind === undefined) return undefined;
    this.calls++;
    const { organizationId } = this.#operation;
    const namespace = this.#parts.organization(organizationId)?.namespacesById.get(call.namespaceId);
    let caller = this.#callers.get(call.principalId);
    if (caller === undefined) {
      caller = callerOf(this.#parts, this.#operation, call.principalId);
      this.#callers.set(call.principalId, caller);
    }
    const principal = await caller;
    if (principal === undefined || namespace === undefined) {
      this.undecidable++;
      return undefined;
    }
    const { slug, id } = namespace;
    return {
      entry,
      principal,
      call: {
        namespaceSlug: slug,
        namespaceId: id,
        server: call.serverName,
        kind,
        name: call.target,
        annotations: annotationsOf(this.#parts, organizationId, slug, call.serverName, call.target),
        args: {},
        time: new Date(startedAt),
        clientAddress: call.clientAddress,
      },
    };
  }

  #ask(asked: Asked): readonly [was: Answered, would: Answered] {
    return [this.#before.ask(asked), this.#after.ask(asked)];
  }

  #compare({ entry, call }: Asked, [was, would]: readonly [Answered, Answered]): void {
    if (was.verdict === would.verdict && was.servedBy === would.servedBy) return;
    this.flips.push({
      call_id: entry.id,
      at: timeOf(entry.startedAt),
      principal: entry.call?.principalId ?? "",
      server: call.server,
      target: call.name,
      before: was.verdict,
      after: would.verdict,
      decided_by: would.decidedBy?.name ?? null,
      served_before: was.servedBy,
      served_after: would.servedBy,
    });
  }

  /** Of those whose arguments were recorded as they were: masked ones would answer another question. */
  async #recordedArguments(callIds: readonly string[]): Promise<Map<string, JsonObject>> {
    const known = new Map<string, JsonObject>();
    const { organizationId } = this.#operation;
    for (const entry of await this.#parts.store.records.contents(organizationId, callIds)) {
      if (entry.part !== "arguments" || entry.level !== "full") continue;
      const { state, value } = this.#parts.openContent(entry);
      if (state === "whole" && isObject(value)) known.set(entry.callId, value);
    }
    return known;
  }
}

export const policyReplayRoutes = [
  defineRoute({
    id: "policies-replay",
    method: "POST",
    path: "/policies/replay",
    roles: ["admin"],
    action: "policy.replay",
    summary: `What proposed policies would have changed: recorded calls, newest first, about ${CALLS_MAX} at a time, whose end or server would have been another.`,
    reads: true,
    body: z.strictObject({
      policies: z.array(newPolicy).min(1).max(POLICIES_MAX),
      mode: set.mode,
      hours: z
        .number()
        .positive()
        .max(24 * 366)
        .default(24),
      cursor: z.string().max(512).optional().describe("`next_cursor` of the answer before, to go on."),
    }),
    response: z.object({
      calls: z.number(),
      undecidable: z
        .number()
        .describe("A condition reads arguments that were not recorded in full, or the caller is gone."),
      complete: z.boolean().describe("There is no older call within the hours."),
      oldest: time.nullable().describe("How far back this answer looked."),
      next_cursor: z.string().nullable(),
      flips: z.array(flip),
    }),
    handle: async ({ operation, parts, body }) => {
      const replay = new Replay(
        parts,
        operation,
        new Side(parts, operation, inForce(parts, operation)),
        new Side(parts, operation, tried(parts, operation, body)),
      );
      const begin = placeOf(body.cursor, parts.clock.now() - body.hours * 3_600_000);
      let at = begin.place;
      let records = 0;
      let complete = false;
      while (replay.calls < CALLS_MAX && records < RECORDS_MAX && !complete) {
        const page = await parts.store.records.requests(operation.organizationId, {
          from: begin.from,
          limit: PAGE,
          after: at,
        });
        await replay.take(page);
        records += page.length;
        const last = page.at(-1);
        complete = page.length < PAGE || last === undefined;
        if (last !== undefined) at = { at: last.startedAt, id: last.id, sequence: 0 };
      }
      const { calls, undecidable, flips } = replay;
      return {
        body: {
          calls,
          undecidable,
          complete,
          oldest: at === undefined ? null : timeOf(at.at),
          next_cursor: complete || at === undefined ? null : cursorOf([begin.from, at.at, at.id]),
          flips,
        },
      };
    },
  }),
];
