import { rmSync } from "node:fs";
import type * as z from "zod";
import type { KeyAdministration } from "../admin/api-keys/key-administration.ts";
import { createKeyBody, emptyBody, listKeysBody, namedKeyBody } from "../admin/api-keys/key-request.ts";
import type { AdministratorAccounts } from "../admin/users/administrator.ts";
import { accountBody, administratorBody } from "../admin/users/administrator-request.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { type BodyLimits, readText } from "../net/request-body.ts";

export interface AdminSocketParts {
  readonly keys: KeyAdministration;
  readonly administrators: AdministratorAccounts;
  /** Seals everything again with the first master key. */
  readonly reseal: () => Promise<{ readonly resealed: number; readonly unreadable: number }>;
  /** Reads the configuration again, as SIGHUP does. */
  readonly reload: () => Promise<void>;
  /** The process and its version, for `status`. */
  readonly status: () => Readonly<Record<string, unknown>>;
}

const BODY: BodyLimits = { bytesMax: 64 * 1024, timeoutMs: 10_000 };

/**
 * What the command line asks of a running gateway: HTTP over the Unix socket `admin.sock` in the data directory. Whoever
 * may open the socket (mode 0600) may read the data directory too, so no further credential is asked for.
 */
export function adminSocketHandler(parts: AdminSocketParts): (request: Request) => Promise<Response> {
  const { administrators, keys } = parts;
  const routes: Readonly<Record<string, (body: unknown) => Promise<unknown>>> = {
    "/status": async (body) => {
      read(emptyBody, body);
      return parts.status();
    },
    "/reload": async (body) => {
      read(emptyBody, body);
      await parts.reload();
      return {};
    },
    "/keys/create": async (body) => {
      const {
        platform_admin: platformAdmin,
        expires_in_seconds: seconds,
        ...rest
      } = read(createKeyBody, body);
      const lifetimeMs = seconds === undefined ? undefined : seconds * 1000;
      return keys.create({ ...rest, namespace: rest.namespace, platformAdmin, lifetimeMs });
    },
    "/keys/list": async (body) => ({ items: await keys.list(read(listKeysBody, body).organization) }),
    "/keys/revoke": async (body) => {
      const { organization, key } = read(namedKeyBody, body);
      return keys.revoke(organization, key);
    },
    "/keys/rotate": async (body) => {
      const { organization, key } = read(namedKeyBody, body);
      return keys.rotate(organization, key);
    },
    "/administrators/create": async (body) => {
      const { platform_admin: platformAdmin, ...request } = read(administratorBody, body);
      return administrators.create({ ...request, platformAdmin });
    },
    "/administrators/reset": async (body) => administrators.reset(read(accountBody, body)),
    "/keys/reseal": async (body) => {
      read(emptyBody, body);
      return parts.reseal();
    },
  };
  return async (request) => {
    try {
      const { pathname } = new URL(request.url);
      const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
      if (!route) throw new GatewayError("not_found");
      if (request.method !== "POST") throw new GatewayError("method_not_allowed");
      return Response.json(await route(await bodyOf(request)));
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      return Response.json(
        { error: { code: error.code, message: error.plainMessage } },
        { status: error.httpStatus === 200 ? 400 : error.httpStatus },
      );
    }
  };
}

/** Serves the command line; the socket's mode keeps everybody else out. Returns what closes it. */
export function openAdminSocket(path: string, parts: AdminSocketParts): () => void {
  rmSync(path, { force: true });
  const mask = process.umask(0o177);
  try {
    const server = Bun.serve({ unix: path, fetch: adminSocketHandler(parts) });
    return () => {
      void server.stop(true);
      rmSync(path, { force: true });
    };
  } finally {
    process.umask(mask);
  }
}

async function bodyOf(request: Request): Promise<unknown> {
  const text = await readText(request, BODY);
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw new GatewayError("parse_error", { detail: "not JSON" });
  }
}

function read<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const detail = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  throw new GatewayError("invalid_params", { detail });
}
