import { type ContentLevel, contentLevels } from "../model/ports/journal.ts";
import type { ExposeFilter, Sharing } from "../model/server.ts";
import { isHeaderName, isHeaderValue, isOwnHeader } from "../net/header-line.ts";
import { alsoFrom, field, optionalField, optionalSection, Refusal, requiredField, section } from "./field.ts";
import {
  anyMap,
  boolean,
  duration,
  filledText,
  integer,
  listOf,
  oneOf,
  slug,
  text,
  textList,
  textMap,
  url,
} from "./kinds.ts";
import { reservedNames } from "./reserved-names.ts";
import { formatDuration } from "./units.ts";

const minute = 60_000;

function exposed(doc: string) {
  const filter = section(doc, {
    include: field(textList, [], "Globs over own names (URIs for resources); none means all."),
    exclude: field(textList, [], "Globs taken out of what `include` lets in."),
  });
  return alsoFrom<ExposeFilter>((value) => (Array.isArray(value) ? { include: value } : value), filter);
}

/** What a server that says nothing itself runs by; each is the default of the entries' member of its name. */
const bounds = {
  timeout: { kind: duration(1), default: 5 * minute, doc: "The longest a whole call may take." },
  max_retries: { kind: integer(0, 20), default: 3, doc: "Retries after a refused or failed connect." },
  max_concurrency: {
    kind: integer(1, 100_000),
    default: 100,
    doc: "Calls under way at once; one more is refused.",
  },
  heartbeat: {
    kind: duration(),
    default: 30_000,
    doc: "Interval of liveness checks; `0` switches them off.",
  },
  refresh_interval: {
    kind: duration(1000),
    default: 5 * minute,
    doc: "Interval of reading the server's lists again.",
  },
} as const;
type Bound = keyof typeof bounds;

const ownBounds = Object.fromEntries(
  Object.entries(bounds).map(([key, { kind, doc }]) => [
    key,
    optionalField<number>(kind, doc, { defaultText: `\`proxy.defaults.${key}\`` }),
  ]),
) as Record<Bound, ReturnType<typeof optionalField<number>>>;

/** `proxy.defaults`. */
export const serverDefaultsSchema = section(
  "What servers run by that say nothing else themselves, of the file and of the store.",
  Object.fromEntries(
    Object.entries(bounds).map(([key, bound]) => [key, field<number>(bound.kind, bound.default, bound.doc)]),
  ) as Record<Bound, ReturnType<typeof field<number>>>,
);

const connection = section("How to reach a server over HTTP.", {
  url: optionalField(url("https:", "http:"), "The server's MCP endpoint."),
  timeout: optionalField(
    duration(1),
    "The same as `timeout` one level up; where both are given they must agree.",
  ),
  headers: field(textMap, {}, "Further fixed request headers.", { secret: true }),
});

const auth = optionalSection("The credential the gateway shows to the server; never passed on to a client.", {
  type: field(oneOf("header", "bearer", "none"), "none", "Which kind of credential."),
  header: optionalField(filledText, "`header`: the header's name."),
  value: optionalField(filledText, "`header`: the header's value.", { secret: true }),
  token: optionalField(filledText, "`bearer`: the token sent as `Authorization: Bearer …`.", {
    secret: true,
  }),
});

/** One entry of `proxy.servers`; the store keeps its servers in the same shape. */
export const serverSchema = section(
  "An MCP server behind the gateway.",
  {
    name: requiredField(slug, "Unique in its namespace; first part of its tools' names."),
    type: requiredField(oneOf("streamable-http", "sse", "stdio"), "The transport the server speaks."),
    enabled: field(boolean, true, "`false` leaves the entry out, unset variables in it included."),
    namespace: field(slug, "default", "The namespace it is served in."),
    description: field(text, "", "For people and for lists."),
    tags: field(listOf(filledText), [], "Free labels."),
    version: optionalField(text, "Free text, shown in lists."),
    metadata: field(anyMap, {}, "Free values, kept as they are."),
    connection,
    auth,
    command: optionalField(filledText, "`stdio`: the program to run; never through a shell."),
    args: field(textList, [], "`stdio`: its arguments; a secret belongs into `environment`."),
    environment: field(textMap, {}, "`stdio`: variables added to PATH, HOME, LANG and TMPDIR.", {
      secret: true,
    }),
    working_dir: optionalField(filledText, "`stdio`: the directory it runs in."),
    ...ownBounds,
    sharing: optionalField(
      oneOf<Sharing>("shared", "per_principal", "per_session"),
      "Who may share one session with a server of an older protocol revision.",
      { defaultText: "shared for streamable-http, else per_principal" },
    ),
    protocol: field(oneOf("auto", "modern", "legacy"), "auto", "Which generation of the protocol to speak."),
    validate: field(
      oneOf("enforce", "report", "off"),
      "enforce",
      "What happens to arguments that do not match a tool's schema.",
    ),
    expose: section("What of the server is offered at all.", {
      tools: exposed("Tools, by own name."),
      resources: exposed("Resources, by URI."),
      prompts: exposed("Prompts, by own name."),
    }),
    audit: section("What is recorded of its calls.", {
      content: optionalField(
        oneOf<ContentLevel>(...contentLevels),
        "What is kept of what is said in them: as `audit.content`, and no more than that where it is set.",
      ),
    }),
    retry: section("What may run twice.", {
      safe_tools: field(textList, [], "Tools, by own name or glob, that may be run twice."),
      trust_annotations: field(boolean, false, "Believe the server's `readOnlyHint` and `idempotentHint`."),
    }),
  },
  (entry, refuse) => {
    if (typeof entry.name === "string" && reservedNames.has(entry.name)) {
      const fix = `write ${entry.name}-server`.slice(0, 38);
      refuse(["name"], new Refusal("a name that is not a path of the gateway itself", fix));
    }
    if (entry.type === "stdio") checkStdio(entry, refuse);
    else if (typeof entry.type === "string") checkHttp(entry, refuse);
    const whole = entry.timeout;
    const here = entry.connection?.timeout;
    if (whole !== undefined && here !== undefined && whole !== here) {
      const given = formatDuration(whole);
      refuse(
        ["connection", "timeout"],
        new Refusal(
          `the same as timeout, which is ${given}: both mean the whole call`,
          "keep one of the two",
        ),
      );
    }
  },
);

type Refuse = (path: readonly (string | number)[], refusal: Refusal) => void;
type RawEntry = Partial<ServerEntryInput>;
type ServerEntryInput = ReturnType<typeof serverSchema.parse>;

function checkStdio(entry: RawEntry, refuse: Refuse): void {
  if (entry.command === undefined)
    refuse(["command"], new Refusal("the program to run (required for type stdio)"));
  else if (/\s/.test(entry.command) && !entry.command.startsWith("/")) {
    refuse(
      ["command"],
      new Refusal("one program, without its arguments", 'move the rest to args: ["…"]; no shell reads it'),
    );
  }
  if (entry.connection?.url !== undefined)
    refuse(
      ["connection", "url"],
      new Refusal("no URL for type stdio", "remove it, or set type: streamable-http"),
    );
  if (entry.auth !== undefined && entry.auth.type !== "none")
    refuse(["auth"], new Refusal("no auth for type stdio", "pass the secret in environment"));
}

function checkHttp(entry: RawEntry, refuse: Refuse): void {
  const address = entry.connection?.url;
  if (address === undefined)
    refuse(["connection", "url"], new Refusal(`the server's URL (required for type ${entry.type})`));
  else if (URL.canParse(address) && new URL(address).username !== "")
    refuse(["connection", "url"], new Refusal("a URL without credentials in it", "move them to auth"));
  for (const key of ["command", "working_dir"] as const) {
    if (entry[key] !== undefined)
      refuse([key], new Refusal(`no ${key} for type ${entry.type}`, "remove it, or set type: stdio"));
  }
  for (const [name, value] of Object.entries(entry.connection?.headers ?? {})) {
    if (!isHeaderName(name)) refuse(["connection", "headers", name], new Refusal("a header name"));
    else if (!isHeaderValue(value)) refuse(["connection", "headers", name], headerValue);
  }
  const given = entry.auth;
  if (given?.type === "header") {
    if (given.header === undefined)
      refuse(["auth", "header"], new Refusal("the header's name (required for type header)"));
    else if (!isHeaderName(given.header)) refuse(["auth", "header"], new Refusal("a header name"));
    else if (isOwnHeader(given.header))
      refuse(["auth", "header"], new Refusal("a header that the gateway does not set itself"));
    if (given.value === undefined)
      refuse(["auth", "value"], new Refusal("the header's value (required for type header)"));
  }
  if (given?.type === "bearer" && given.token === undefined && given.value === undefined)
    refuse(["auth", "token"], new Refusal("the token (required for type bearer)"));
  for (const key of given?.type === "bearer" ? (["token", "value"] as const) : []) {
    const token = given?.[key];
    if (token === undefined || isBearerToken(token)) continue;
    const fix = /^bearer\s/i.test(token) ? "leave out the word Bearer" : "";
    refuse(["auth", key], new Refusal("a token of visible ASCII characters, without spaces", fix));
  }
  if (!isHeaderValue(given?.value ?? "")) refuse(["auth", "value"], headerValue);
}

const headerValue = new Refusal("a header's value: one line of characters up to Latin-1");

/** What can stand behind `Authorization: Bearer` (RFC 6750, 2.1, and whatever else is visible). */
export function isBearerToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

export type ServerFileDefaults = ReturnType<typeof serverDefaultsSchema.parse>;

/** The validated entry, in the file's own spelling, durations in milliseconds. */
export type ServerFileEntry = ServerEntryInput;
