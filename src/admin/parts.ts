import type { CatalogPart } from "../gateway/catalog-part.ts";
import type { IdentityProvider } from "../model/identity-provider.ts";
import type { LimitRule } from "../model/limit-rule.ts";
import type { CallContentEntry } from "../model/log-entry.ts";
import type { Verbs } from "../model/operation.ts";
import type { AccessEffect } from "../model/policy.ts";
import type { Clock } from "../model/ports/clock.ts";
import type { LimitStanding } from "../model/ports/limiter.ts";
import type { Log } from "../model/ports/log.ts";
import type { ClientTokens, ProviderSignIn, SignIns } from "../model/ports/sign-ins.ts";
import type { Store } from "../model/ports/store.ts";
import type { StoredCallers } from "../model/ports/stored-callers.ts";
import type { UpstreamState } from "../model/ports/upstream.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { ServerRecord } from "../model/server-record.ts";
import type { OrganizationSnapshot } from "../model/snapshot.ts";
import type { ScopeRules } from "../policy/authorize/scope-rules.ts";
import type { OpenedContent } from "../policy/record/sealed-content.ts";

/** A server as it runs: what it is defined as, how it is, and what it offers. */
export interface RunningServer {
  readonly server: ServerDefinition;
  readonly state: UpstreamState;
  readonly part: CatalogPart | undefined;
}

/** One step of a dry connection. */
export interface ConnectionStep {
  readonly step: "settings" | "connect" | "lists";
  readonly ok: boolean;
  /** In words for the operator; holds no secret. */
  readonly detail: string;
  readonly durationMs: number;
}

/** What the handlers of the control plane work with. */
export interface AdminParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** The organisation as compiled; `undefined` where it is not active or does not exist. */
  organization(id: string): OrganizationSnapshot | undefined;
  /** What happens where an organisation has policies and none applies. */
  policyDefault(): AccessEffect;
  /** Acts of administration that policies may name. */
  readonly verbs: Verbs;
  running(serverId: string): RunningServer | undefined;
  /** Takes a change of the store on at once; other processes follow within 2 s. */
  refresh(): Promise<void>;
  /** Credentials changed: of one key, or of anybody's. */
  credentialsChanged(keyId: string | "all"): void;
  /** Connects to a server that is not served, reads its lists, and lets go. */
  testServer(record: ServerRecord): Promise<readonly ConnectionStep[]>;
  /** Ends a legacy client's session here and everywhere. */
  endSession(organizationId: string, id: string): Promise<boolean>;
  /** Limits as they are counted now. */
  readonly limits: {
    /** Of each subject, by what all processes counted that can be reached. */
    standings(rule: LimitRule, subjects: readonly string[]): Promise<readonly LimitStanding[]>;
    /** Of one subject, or of the whole rule, in every process. */
    reset(rule: LimitRule, subject?: string): Promise<void>;
    /** Brings the store's usage up to now. */
    flush(): Promise<void>;
  };
  readonly callers: StoredCallers;
  /** What scopes open, for callers whom they govern. */
  readonly scopes: {
    /** The patterns they permit in an organisation. */
    granted(organizationId: string, scopes: readonly string[]): readonly string[];
    rules(organizationId: string): ScopeRules;
  };
  /** Identity providers whose tokens are taken. Their clients' secrets never leave. */
  providers(): readonly IdentityProvider[];
  /** Who issues tokens for the gateway, and the scopes that open something. */
  protectedResource(): {
    readonly url: string;
    readonly issuers: readonly string[];
    readonly scopes: readonly string[];
  };
  readonly identity: {
    readonly signIns: SignIns;
    readonly clientTokens: ClientTokens;
    /** Sign-in of people at a provider; `undefined` where there is none of that name that signs people in. */
    provider(name: string): ProviderSignIn | undefined;
    /** Public keys of the gateway's own tokens. */
    jwks(): Promise<{ readonly keys: readonly Readonly<Record<string, unknown>>[] }>;
  };
  /** A new API key's credential, and what of it is stored. */
  mintKey(): { readonly key: string; readonly prefix: string; readonly hash: string };
  /** Of the whole API; `undefined` where its documentation is switched off. */
  openApi(): object | undefined;
  /** What was said in a call, as it was sealed when it was recorded. */
  openContent(entry: CallContentEntry): OpenedContent;
  statistics(): Promise<Readonly<Record<string, number>>>;
}
