import { existsSync } from "node:fs";
import type { IssuedKey, KeyAdministration, KeySummary } from "../admin/api-keys/key-administration.ts";
import type { AdministratorAccounts, IssuedPassword } from "../admin/users/administrator.ts";
import { CommandError } from "./terminal.ts";

const TIMEOUT_MS = 60_000;

/** A running gateway, asked over its admin socket. Its answers are those of `server/admin-socket.ts`. */
export class AdminSocket {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where no gateway runs on this data directory; a socket file left by a killed one counts as none. */
  static async connect(path: string): Promise<AdminSocket | undefined> {
    if (!existsSync(path)) return undefined;
    const socket = new AdminSocket(path);
    try {
      await socket.#send("/status", {}, 5_000);
      return socket;
    } catch (error) {
      if (isRefused(error)) return undefined;
      throw error;
    }
  }

  status(): Promise<Readonly<Record<string, unknown>>> {
    return this.#ask("/status", {});
  }
  reseal(): Promise<{ readonly resealed: number; readonly unreadable: number }> {
    return this.#ask("/keys/reseal", {});
  }

  readonly keys: KeyAdministration = {
    create: ({ platformAdmin, lifetimeMs, ...request }) =>
      this.#ask<IssuedKey>("/keys/create", {
        ...request,
        platform_admin: platformAdmin,
        ...(lifetimeMs === undefined ? {} : { expires_in_seconds: lifetimeMs / 1000 }),
      }),
    list: async (organization) =>
      (await this.#ask<{ items: readonly KeySummary[] }>("/keys/list", { organization })).items,
    revoke: (organization, key) => this.#ask<KeySummary>("/keys/revoke", { organization, key }),
    rotate: (organization, key) => this.#ask<IssuedKey>("/keys/rotate", { organization, key }),
  };

  readonly administrators: AdministratorAccounts = {
    create: ({ platformAdmin, ...request }) =>
      this.#ask<IssuedPassword>("/administrators/create", { ...request, platform_admin: platformAdmin }),
    reset: ({ organization, username }) =>
      this.#ask<IssuedPassword>("/administrators/reset", { organization, username }),
  };

  async #ask<T>(path: string, body: object): Promise<T> {
    const response = await this.#send(path, body, TIMEOUT_MS);
    const answer: unknown = await response.json();
    if (response.ok) return answer as T;
    throw new CommandError(messageOf(answer) ?? `the gateway answered with status ${response.status}`);
  }

  async #send(path: string, body: object, timeoutMs: number): Promise<Response> {
    return await fetch(`http://gateway${path}`, {
      unix: this.#path,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  }
}

function messageOf(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null || !("error" in answer)) return undefined;
  const { error } = answer;
  if (typeof error !== "object" || error === null || !("message" in error)) return undefined;
  return typeof error.message === "string" ? error.message : undefined;
}

function isRefused(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return ["ECONNREFUSED", "ENOENT", "ConnectionRefused", "FailedToOpenSocket"].includes(code);
}
