import { type ContentLevel, contentLevels, type Durability } from "../model/ports/journal.ts";
import type { Role } from "../model/principal.ts";
import { field, list, optionalField, optionalSection, Refusal, requiredField, section } from "./field.ts";
import { claimMembers, oauthSchema } from "./identity-schema.ts";
import {
  addressRange,
  boolean,
  count,
  countOrAuto,
  duration,
  filledText,
  host,
  integer,
  jsonPath,
  listenAddress,
  listOf,
  oneOf,
  origin,
  outboundTarget,
  port,
  size,
  slug,
  text,
  textList,
  url,
} from "./kinds.ts";
import { rateLimitSchema } from "./limit-schema.ts";
import { policiesSchema } from "./policy-schema.ts";
import { serverDefaultsSchema, serverSchema } from "./server-schema.ts";

const second = 1000;
const day = 86_400_000;
const KiB = 1024;
const MiB = 1024 * KiB;
const restart = { restart: true } as const;

const server = section("Where the gateway listens and what it is called.", {
  url: optionalField(
    url("https:", "http:"),
    "The URL clients use; the base of every URL the gateway hands out.",
    {
      restart: true,
      defaultText: "http(s)://localhost:port",
    },
  ),
  host: field(host, "127.0.0.1", "Address to listen on; `0.0.0.0` for all.", restart),
  port: field(port, 8080, "Port to listen on; `0` takes a free one.", restart),
  allowed_hosts: field(listOf(host), [], "Host names served besides that of `server.url`.", restart),
  trusted_proxies: field(listOf(addressRange), [], "Proxies whose `X-Forwarded-For` is believed.", restart),
  tls: optionalSection("HTTPS by the gateway itself.", {
    cert: requiredField(filledText, "Path of the certificate chain (PEM).", restart),
    key: requiredField(filledText, "Path of the private key (PEM).", restart),
  }),
  require_https: optionalField(boolean, "Refuse to start with an `http` URL other than loopback.", {
    defaultText: "true in production",
  }),
  shutdown: section("How the gateway ends.", {
    delay: field(
      duration(),
      0,
      "How long requests are still taken after SIGTERM, while `/ready` says 503 and balancers turn away.",
      restart,
    ),
    drain: field(duration(), 25 * second, "How long calls under way may go on after SIGTERM.", restart),
  }),
});

const audit = section("The record of calls and administrative acts.", {
  durability: field(
    oneOf<Durability>("strict", "standard", "batch"),
    "standard",
    "`strict`: on stable storage before the server sees the call; `standard`: handed to the operating system; `batch`: at most one second in memory.",
    restart,
  ),
  confirm: field(
    oneOf("disk", "store"),
    "disk",
    "With `strict`, where an intent must be before the server sees the call. `store`: in the store too; while that is away, calls get 503 within 2 s.",
    restart,
  ),
  content: optionalField(
    oneOf<ContentLevel>(...contentLevels),
    "What is kept of what is said in a call: nothing; a digest of the arguments; arguments and result without what is secret; or both as they were, without credentials. Of this and what a server says, the least is kept.",
    { defaultText: "what each server says, else `digest`" },
  ),
  content_max: field(
    size(KiB),
    64 * KiB,
    "Largest text kept of each of a call's parts; the rest is cut off, and of a part over 1 MiB only the size is kept.",
  ),
  redact: section("What `redacted` takes out, besides what schemas mark and what looks like a credential.", {
    names: field(
      textList,
      [],
      "Further names of secret members, `*` for any characters; upper case, `_` and `-` make no difference.",
    ),
    paths: field(
      listOf(jsonPath),
      [],
      "Places, as `$.arguments.user.ssn`, `$.result.structuredContent.rows[*].iban` or `$..ssn`.",
    ),
  }),
  retention: field(
    duration(),
    30 * day,
    "How long records that belong to no organisation keep their content: refused credentials, the gateway's own; `0` keeps it. " +
      "Organisations say their own, `log_retention_days`.",
  ),
  journal: section("The append-only files records are written to first.", {
    dir: optionalField(filledText, "Directory of the files.", {
      restart: true,
      defaultText: "<data_dir>/journal",
    }),
    segment: field(size(64 * KiB), 64 * MiB, "Size at which a new file is begun.", restart),
    cap: field(size(MiB), 1024 * MiB, "Size of undelivered files at which calls are refused.", restart),
    retain: field(
      duration(),
      day,
      "How long delivered files are kept besides the store, 1 GiB at most.",
      restart,
    ),
  }),
});

const store = section("Where keys, servers and records are kept.", {
  url: optionalField(
    url("postgres:", "postgresql:", "sqlite:"),
    "PostgreSQL or SQLite URL; without one, a SQLite file. Production takes no weak password in it, but on this machine.",
    { secret: true, restart: true },
  ),
  path: optionalField(filledText, "Path of the SQLite file.", {
    restart: true,
    defaultText: "<data_dir>/gateway.db",
  }),
  migrate: optionalField(oneOf("auto", "manual"), "Whether a start brings the schema up to date.", {
    restart: true,
    defaultText: "auto for SQLite, manual for PostgreSQL",
  }),
  pool: section("PostgreSQL connections of each process.", {
    max: field(integer(1, 1000), 10, "Connections at once.", restart),
    connect_timeout: field(duration(1), 5 * second, "Longest wait for a connection.", restart),
    idle_timeout: field(duration(), 30 * second, "An unused connection is closed after this.", restart),
    statement_timeout: field(duration(1), 10 * second, "Longest run of one statement.", restart),
  }),
});

const limits = section("Bounds on what one caller or message may take.", {
  body: field(size(KiB), 4 * MiB, "Largest request body.", restart),
  result: field(size(KiB), 32 * MiB, "Largest answer of a server.", restart),
  json_depth: field(integer(4, 1000), 64, "Deepest nesting of a message.", restart),
  json_items: field(count, 1_000_000, "Members and elements in one message.", restart),
  batch: field(integer(1, 10_000), 50, "Messages in one batch.", restart),
  request_timeout: field(duration(1), 300 * second, "Longest time a client's request may take.", restart),
  body_timeout: field(
    duration(1),
    10 * second,
    "Longest time a request body may take to arrive; one of up to 64 KiB never has more than 10 s.",
    restart,
  ),
  idle_connection: field(
    duration(1),
    75 * second,
    "A client's unused connection is closed after this; longer than a proxy before the gateway keeps its own.",
    restart,
  ),
  concurrent_requests: field(count, 10_000, "Requests under way at once in one process.", restart),
  sessions: field(count, 10_000, "Sessions of older clients at once.", restart),
  sessions_per_principal: field(count, 1_000, "The same for one credential.", restart),
  session_idle: field(duration(1), 30 * 60 * second, "An unused session ends after this.", restart),
  parked_calls: field(
    count,
    5_000,
    "Calls at once in one process whose servers wait for answers of 2026-07-28 clients.",
    restart,
  ),
  parked_calls_per_principal: field(count, 1_000, "The same for one credential.", restart),
  parked_call_life: field(
    duration(1),
    10 * 60 * second,
    "How long such a client may take to answer.",
    restart,
  ),
  streams: field(count, 10_000, "Open streams at once in one process.", restart),
  streams_per_principal: field(count, 1_000, "The same for one credential.", restart),
  failed_auth_per_minute: field(count, 20, "Failed attempts from one address before it must wait.", restart),
});

/** In the working directory, where nobody says another. */
export const DEFAULT_DATA_DIR = "data";

/** The configuration file, in its own spelling. Unknown keys are errors. */
export const fileSchema = section("", {
  data_dir: field(filledText, DEFAULT_DATA_DIR, "Directory of everything the gateway writes.", restart),
  role: field(
    oneOf("all", "api", "worker"),
    "all",
    "What this gateway does: `api` serves clients, `worker` does background duties, `all` both.",
    restart,
  ),
  workers: field(
    countOrAuto,
    1,
    "Processes that share the port; `auto` is one for each processor. More than one needs PostgreSQL.",
    restart,
  ),
  cluster: section("How the gateways that share a PostgreSQL store reach each other.", {
    advertise_url: optionalField(
      url("https:", "http:"),
      "The URL under which the other gateways reach this one; no client uses it.",
      restart,
    ),
  }),
  master_key: optionalField(
    listOf(filledText, "list of 32-byte keys in base64 or hex"),
    "Seals everything secret; the first key seals, all open. Required in production.",
    { secret: true, restart: true },
  ),
  bootstrap_key: optionalField(
    filledText,
    "Presets the first API key of an empty store; `mcp-gateway keys generate` makes one.",
    {
      secret: true,
      restart: true,
    },
  ),
  server,
  proxy: section("What stands behind the gateway.", {
    defaults: serverDefaultsSchema,
    servers: list("The servers. An entry wins over a stored server of the same name.", serverSchema),
  }),
  namespaces: list(
    "Namespaces of the organisation `default`; a namespace named by a server need not be listed.",
    section("A namespace.", {
      slug: requiredField(slug, "Part of its URL, `/namespaces/{slug}/…`."),
      description: field(text, "", "For people."),
      separator: field(wireSeparator(), "__", "Between server and tool in names on the wire."),
    }),
  ),
  auth: section("Who may call.", {
    anonymous: optionalSection(
      "Serves callers without a credential, from the same machine only: needs a loopback `server.host` and no `trusted_proxies`.",
      {
        role: field(
          oneOf<Role>("admin", "user", "viewer", "api_user"),
          "user",
          "The role such a caller has.",
          restart,
        ),
        namespace: field(slug, "default", "The namespace such a caller sees.", restart),
      },
    ),
    ...claimMembers,
  }),
  policies: policiesSchema,
  oauth: oauthSchema,
  store,
  redis: section("Shared counters; without it each process counts for itself.", {
    url: optionalField(url("redis:", "rediss:"), "Redis or Valkey URL; its password as `store.url`'s.", {
      secret: true,
      restart: true,
    }),
    prefix: field(
      slug,
      "mcp-gateway",
      "Begins every key; installations that share a Redis differ in it.",
      restart,
    ),
  }),
  audit,
  logging: section("The log on standard error.", {
    level: field(oneOf("debug", "info", "warn", "error"), "info", "Least severity written."),
    format: optionalField(oneOf("json", "text"), "One JSON object a line, or text for people.", {
      restart: true,
      defaultText: "text in development, else json",
    }),
  }),
  limits,
  rate_limits: rateLimitSchema,
  cors: section("Which web pages may call the gateway.", {
    allowed_origins: field(listOf(origin), [], "Origins allowed besides that of `server.url`.", restart),
    max_age: field(duration(), 600 * second, "How long a browser may keep a preflight answer.", restart),
  }),
  outbound: section("Which addresses the gateway may connect to besides public ones.", {
    allow: optionalField(
      listOf(outboundTarget),
      "Exemptions: addresses, ranges, host names, `loopback`, `private`.",
      {
        restart: true,
        defaultText: "loopback in development, else none",
      },
    ),
  }),
  telemetry: section("Metrics and health details, for the operator alone.", {
    listen: optionalField(
      listenAddress,
      "A separate address for them (`/metrics`, `/ready`, `/live`, `/health`), where no credential is asked for: keep it private.",
      restart,
    ),
    operator_token: optionalField(filledText, "Bearer token that opens them at the main address.", {
      secret: true,
      restart: true,
    }),
    series_max: field(
      count,
      10_000,
      "Most label combinations of one metric; the rest count as `overflow`.",
      restart,
    ),
  }),
  features: section("Parts that can be switched.", {
    demo: optionalField(boolean, "Serve the two demonstration servers.", {
      restart: true,
      defaultText: "true in development without a configuration file",
    }),
    documentation: field(boolean, true, "`/docs` and `/openapi.json`, open to everybody.", restart),
    metrics: field(boolean, true, "Serve `/metrics`."),
  }),
});

/** The validated file, in its own spelling; durations are milliseconds, sizes bytes. */
export type FileSettings = ReturnType<typeof fileSchema.parse>;

function wireSeparator() {
  return {
    name: "1 to 4 of the characters _ - . :",
    read: (value: unknown) =>
      typeof value === "string" && /^[_.:-]{1,4}$/.test(value) && value !== "-"
        ? value
        : new Refusal(
            "1 to 4 of the characters _ - . : (and not one hyphen, which names contain)",
            'write "__"',
          ),
  };
}
