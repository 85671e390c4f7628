// Writes docs/guides/protocol-versions.md from the matrices the tests run: bun test/e2e/protocol-versions.ts
import { join } from "node:path";
import { eraLimits } from "../conformance/limits.ts";
import {
  features,
  matrixServers,
  revisionServers,
  revisions,
  serversOfSeveralProcesses,
} from "./era-matrix.ts";

export const PAGE = join(import.meta.dir, "../../docs/guides/protocol-versions.md");

const eras = { legacy: "2024-11-05 to 2025-11-25", modern: "2026-07-28" } as const;

function table(): string[] {
  const head = matrixServers.map(({ era, over }) => `${eras[era]}<br>${over}`);
  const notes: string[] = [];
  const rows = Object.entries(features).map(([act, text]) => {
    const marks = matrixServers.map(({ without }) => {
      const reason = without[act as keyof typeof features];
      if (reason === undefined) return "yes";
      if (!notes.includes(reason)) notes.push(reason);
      return `no <sup>${notes.indexOf(reason) + 1}</sup>`;
    });
    return `| ${text} | ${marks.join(" | ")} |`;
  });
  return [
    `| a client of any revision, at a server of | ${head.join(" | ")} |`,
    `|---|${head.map(() => "---|").join("")}`,
    ...rows,
    "",
    ...notes.map((note, index) => `${index + 1}. ${note[0]?.toUpperCase()}${note.slice(1)}.`),
  ];
}

const transportNames = { http: "Streamable HTTP", sse: "HTTP+SSE", stdio: "stdio" } as const;

function servedRevisions(): string {
  const transports = Object.keys(transportNames) as (keyof typeof transportNames)[];
  return transports
    .map((transport) => {
      const of = revisionServers.filter((server) => server.transport === transport);
      return `${of.map(({ revision }) => revision).join(", ")} over ${transportNames[transport]}`;
    })
    .join("; ");
}

function overSeveral(): string {
  return [...new Set(serversOfSeveralProcesses.map(({ over }) => over))].join(" and ");
}

export function protocolVersionsPage(): string {
  return `${[
    "# Protocol versions",
    "",
    "<!-- Written by test/e2e/protocol-versions.ts from what the tests run. -->",
    "",
    "Any client reaches any server, whichever published revision of MCP either speaks: 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 or",
    "2026-07-28. The gateway finds out a server's revision by itself and translates; nothing has to be configured on either side.",
    "",
    "## What works",
    "Each *yes* is a test with the official SDK clients: 1.32 (2025-11-25), and 2.4 in each way it can negotiate.",
    "",
    ...table(),
    "",
    "## Nothing is lost",
    `Each of the ${revisions.length} client revisions is tested at servers of ${servedRevisions()}: numbers no`,
    "double keeps (`9007199254740993`, `1e400`, `-0`), fields nobody knows, and `_meta` of both sides arrive as they were sent. Batches work for",
    "clients of 2025-03-26, the one revision that has them, at a server of any.",
    "",
    `With several workers or replicas the same table is tested at ${overSeveral()} servers, each request through whichever process gets it; nothing`,
    "is sticky. A list asked for through another process than told of its change may be a moment behind. A stdio server is a child of one process:",
    "what a caller changes in it is not seen through another.",
    "",
    "## How a question crosses",
    "- **2026-07-28 client, older server.** The server asks in the middle of a call. The client's request ends with `input_required`, the call",
    "  waits in the gateway with its clock standing still, and the client's retry takes it up again. The client has",
    "  `limits.parked_call_life` (10 minutes) to come back. The server sees one call; nothing is ever run twice. A retry after that, or after the",
    "  gateway was restarted, gets the error `call_lost`.",
    "- **Older client, 2026-07-28 server.** Each question becomes a request to the client on the stream of its call, up to 8 rounds; the",
    "  gateway then retries at the server with the answers.",
    "- **A client that did not declare the capability is never asked.** The server is told so, or does not ask in the first place.",
    "",
    "## What an older server cannot do for a 2026-07-28 client",
    "The official conformance suite passes through the gateway in every combination, in both requirement sets, but for these assertions.",
    "A server that speaks both eras is asked in 2026-07-28, so nothing is lost there; older clients lose nothing anywhere.",
    "",
    "| what | why | what the client gets | scenario |",
    "|---|---|---|---|",
    ...eraLimits.map(
      ({ what, sentence, source, answer, scenario }) =>
        `| ${what} | “${sentence}” ([specification](${source})) | ${answer} | \`${scenario}\` |`,
    ),
    "",
    "## Set at the server, where the default does not fit",
    "`protocol: auto | modern | legacy` and `sharing: shared | per_principal | per_session`: see [connecting servers](servers.md).",
  ].join("\n")}\n`;
}

if (import.meta.main) await Bun.write(PAGE, protocolVersionsPage());
