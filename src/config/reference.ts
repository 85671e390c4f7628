import type { z } from "zod";
import { variables } from "./environment.ts";
import { type Shape, shapeOf } from "./field.ts";
import { fileSchema } from "./schema.ts";

type FieldShape = Extract<Shape, { is: "field" }>;

/**
 * `docs/configuration.md`, made of the schema and the table of variables. A test compares the file with it;
 * `mcp-gateway config docs` prints it.
 */
export function configurationReference(): string {
  return `${[introduction, environmentTable(), fileTables(), rulesText].join("\n\n")}\n`;
}

const introduction = `# Configuration

<!-- Made by \`mcp-gateway config docs\` from src/config; change it there. -->

The gateway runs without any configuration. What is set is read in this order, later ones winning:

1. the defaults below,
2. the configuration file: \`--config\`, else \`MCP_GATEWAY_CONFIG\`, else \`mcp-gateway.yaml\` in the working directory if there is one,
3. environment variables,
4. flags of \`mcp-gateway serve\`.

\`mcp-gateway config validate\` checks a configuration without starting anything and names every mistake with file, line and likely fix; \`mcp-gateway config print\` shows what is in force, with secrets masked. Complete examples are in \`config/\`.

## The file

YAML 1.2, keys in snake_case. An unknown key is an error, and so is an empty file (\`{}\` means all defaults). Relative paths are relative to the working directory.

- Durations are written with their unit: \`250ms\`, \`30s\`, \`5m\`, \`1h30m\`, \`7d\`. Sizes: \`512KiB\`, \`4MiB\` (1024-based), \`4MB\` (1000-based).
- \`\${VAR}\` in a value is replaced by the environment variable, \`\${VAR:-default}\` by the default where it is unset or empty, and \`$$\` by a dollar sign. Replacing happens after parsing: a value can never add keys or lines. In \`{ }\` and \`[ ]\`, put such a value in double quotes. A variable without value and default is an error, unless it belongs to a server with \`enabled: false\`.
- \`&anchors\`, \`*aliases\` and \`<<\` merges work.

A change of the file is live within a second, without a restart, and so is SIGHUP. A file with a mistake is reported and the configuration before stays. Settings marked ↻ take effect at the next start; a reload says so and applies the rest.`;

const rulesText = `## Production and development

\`MCP_GATEWAY_ENV\` is \`production\` for \`mcp-gateway serve\` unless set, \`development\` for \`npm start\`.

| | production | development, test |
|---|---|---|
| master key | required: 32 random bytes or more in base64 or hex (\`openssl rand -base64 32\`) | generated into \`<data_dir>/master.key\` |
| \`server.url\` with \`http\` and a name other than loopback | refused, unless \`server.require_https: false\` | allowed |
| \`telemetry.operator_token\` | at least 24 characters | any |
| \`outbound.allow\` | nothing but public addresses | loopback too (\`test\`: as production) |

In every mode, \`auth.anonymous\` needs a loopback \`server.host\` and no \`server.trusted_proxies\`.

Several master keys may be listed, separated by commas: the first seals, all open. To change the key, put the new one first, restart, run \`mcp-gateway keys rotate --master\`, then remove the old one.

## Servers of the file and of the store

Servers can be written in the file or registered at run time. On an equal name in one namespace the file's is served, and the stored one is reported as shadowed. A server of the file has an id made from its organisation, namespace and name, so that it is the same on every replica. A mistake in a server of the file stops the start (or leaves the configuration before in place); a stored server with a mistake is left out and reported.`;

function environmentTable(): string {
  const rows = variables.map(({ name, key, secret, doc }) => {
    const shape = key === undefined ? undefined : fieldAt(key);
    const text = [doc, secret ? `Also \`${name}_FILE\`, the path of a file that holds it.` : ""].filter(
      (part) => part !== "",
    );
    if (doc === "" && shape) text.unshift(shape.doc);
    return `| \`${name}\` | ${key === undefined ? "" : `\`${key}\``} | ${cell(text.join(" "))} |`;
  });
  return [
    "## Environment variables",
    "",
    "Lists are written with commas. An empty variable counts as not set; an unknown one that begins with `MCP_GATEWAY_` is an error, unless the file takes it as `${NAME}`. What Kubernetes sets for services named `mcp-gateway` or `mcp-gateway-…` (`MCP_GATEWAY_SERVICE_HOST`, `MCP_GATEWAY_PORT_8080_TCP`, …) is ignored.",
    "",
    "| variable | setting | meaning |",
    "|---|---|---|",
    ...rows,
  ].join("\n");
}

function fieldAt(key: string): FieldShape | undefined {
  let schema: z.ZodType | undefined = fileSchema;
  for (const step of key.split(".")) {
    const shape: Shape | undefined = schema && shapeOf(schema);
    schema = shape?.is === "section" ? shape.members[step] : undefined;
  }
  const shape = schema && shapeOf(schema);
  return shape?.is === "field" ? shape : undefined;
}

function fileTables(): string {
  const top = shapeOf(fileSchema);
  if (top?.is !== "section") return "";
  const own = Object.entries(top.members).filter(([, member]) => shapeOf(member)?.is === "field");
  const parts = [`## Settings\n\n${table(rowsOf(Object.fromEntries(own), ""))}`];
  for (const [key, member] of Object.entries(top.members)) {
    const shape = shapeOf(member);
    if (!shape || shape.is === "field") continue;
    const lists: string[] = [];
    const rows = rowsOf({ [key]: member }, "", lists);
    const body = rows.length === 0 ? "" : `\n\n${table(rows)}`;
    parts.push([`### \`${key}\`\n\n${shape.doc}${body}`, ...lists].join("\n\n"));
  }
  return parts.join("\n\n");
}

/** Rows of all fields below; lists of sections get a table of their own, put into `lists`. */
function rowsOf(
  members: Readonly<Record<string, z.ZodType>>,
  prefix: string,
  lists: string[] = [],
): string[] {
  const rows: string[] = [];
  for (const [key, member] of Object.entries(members)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const shape = shapeOf(member);
    if (shape?.is === "field") rows.push(row(path, shape));
    else if (shape?.is === "section") rows.push(...rowsOf(shape.members, path, lists));
    else if (shape?.is === "list") {
      const item = shapeOf(shape.item);
      if (item?.is !== "section") continue;
      const heading = prefix === "" ? "Each entry" : `\`${path}[]\`: ${shape.doc} Each entry`;
      lists.push(`${heading}:\n\n${table(rowsOf(item.members, ""))}`);
    }
  }
  return rows;
}

function row(path: string, shape: FieldShape): string {
  const mark = shape.notes.restart ? " ↻" : "";
  return `| \`${path}\`${mark} | ${cell(shape.kind.name)} | ${cell(defaultText(shape))} | ${cell(shape.doc)} |`;
}

function defaultText(shape: FieldShape): string {
  if (shape.required) return "required";
  if (shape.notes.defaultText !== undefined) return shape.notes.defaultText;
  if (shape.default === undefined || shape.default === "") return "";
  const value = shape.kind.write ? shape.kind.write(shape.default) : shape.default;
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function table(rows: readonly string[]): string {
  return ["| key | value | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function cell(text: string): string {
  return text
    .replaceAll("|", "\\|")
    .replace(/(<[a-z_]+>)/g, "`$1`")
    .replaceAll("``", "`");
}
