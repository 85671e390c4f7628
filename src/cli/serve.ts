import { type Command, Option } from "commander";
import { processEnvironment } from "../config/environment.ts";
import { type LoadOptions, loadSettings } from "../config/load.ts";
import type { WorkerPlace } from "../config/serve-options.ts";
import type { Run } from "./command.ts";
import {
  flagOverride,
  readSettings,
  type SettingsFlags,
  verbs,
  withSettingsFlags,
} from "./settings-source.ts";

interface ServeFlags extends SettingsFlags {
  readonly host?: string;
  readonly port?: string;
  readonly url?: string;
  readonly demo?: string | boolean;
  readonly role?: string;
  readonly workers?: string;
  readonly worker?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

export function define(command: Command, run: Run): void {
  withSettingsFlags(command)
    .option("--host <address>", "address to listen on (server.host)")
    .option("-p, --port <port>", "port to listen on (server.port)")
    .option("--url <url>", "the URL clients use (server.url)")
    .option("--demo [boolean]", "serve the two demonstration servers (features.demo)")
    .option("--role <role>", "all, api or worker (role)")
    .option("--workers <number>", "processes that share the port, or auto (workers)")
    .addOption(new Option("--worker <place>").hideHelp())
    .option("--log-level <level>", "debug, info, warn or error (logging.level)")
    .option("--log-format <format>", "json or text (logging.format)")
    .addHelpText(
      "after",
      `
Settings come from the file, then environment variables, then these flags; see docs/configuration.md.
The file is followed: a change is live within a second, and SIGHUP reads it again.
MCP_GATEWAY_ENV is production unless set; development generates its own master key.

Examples:
  mcp-gateway serve --config gateway.yaml
  MCP_GATEWAY_ENV=development mcp-gateway serve --port 9000 --demo`,
    )
    .action(run(serveCommand));
}

async function serveCommand(flags: ServeFlags): Promise<number> {
  const options: LoadOptions = {
    configPath: flags.config,
    environment: processEnvironment(),
    flags: [
      ...flagOverride("--data-dir", "data_dir", flags.dataDir),
      ...flagOverride("--host", "server.host", flags.host),
      ...flagOverride("--port", "server.port", flags.port),
      ...flagOverride("--url", "server.url", flags.url),
      ...flagOverride("--demo", "features.demo", flags.demo),
      ...flagOverride("--role", "role", flags.role),
      ...flagOverride("--workers", "workers", flags.workers),
      ...flagOverride("--log-level", "logging.level", flags.logLevel),
      ...flagOverride("--log-format", "logging.format", flags.logFormat),
    ],
    defaultMode: "production",
    purpose: "serve",
    verbs,
  };
  const { settings, notes } = await readSettings(options);
  const worker = placeOf(flags.worker);
  const serveOptions = {
    settings,
    reload: () => loadSettings(options),
    configPath: settings.configPath,
    demo: settings.features.demo,
    notes,
    worker,
  };
  if (settings.workers > 1 && worker === undefined) {
    const { supervise } = await import("../server/supervisor.ts");
    return supervise(serveOptions);
  }
  const { serve } = await import("../server/lifecycle.ts");
  return serve(serveOptions);
}

/** The place a supervisor gave this process: `<replica>:<index>`, and `:again` for one that died. */
function placeOf(text: string | undefined): WorkerPlace | undefined {
  const match = /^(\w+):(\d+)(:again)?$/.exec(text ?? "");
  if (match === null) return undefined;
  return { replica: match[1] ?? "", index: Number(match[2]), isReplacement: match[3] !== undefined };
}
