/** Bounds of what one upstream server may cost the gateway. Times are milliseconds. */
export interface UpstreamLimits {
  /** Longest answer to one request, and one event of a stream; bytes. */
  readonly resultBytesMax: number;
  /** All pages of all lists of one server together; bytes. */
  readonly listBytesMax: number;
  readonly listPagesMax: number;
  readonly listItemsMax: number;
  /** Nesting of one definition; a deeper one is left out. */
  readonly definitionDepthMax: number;
  /** Legacy sessions of one server, besides the catalog's own. */
  readonly sessionsMax: number;
  readonly sessionIdleMs: number;
  /** One handshake, era detection included step by step. */
  readonly connectTimeoutMs: number;
  /** A liveness check. */
  readonly pingTimeoutMs: number;
  /** Consecutive failures that open the circuit breaker. */
  readonly breakerFailures: number;
  /** Rest before a call may try; together with `breakerTrialMs` under the 5 s a recovery may go unnoticed. */
  readonly breakerRestMs: number;
  /** How long a call that tries keeps others from trying too. */
  readonly breakerTrialMs: number;
  /** First delay and ceiling of reconnection; each delay is drawn from zero to the exponential value. */
  readonly reconnectBaseMs: number;
  readonly reconnectCapMs: number;
  /** Ceiling for child processes, whose every attempt costs a process. */
  readonly respawnCapMs: number;
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** `list_changed` within this time makes one refresh. */
  readonly listChangedDelayMs: number;
  /** A legacy verdict is tried again after this time, so that an upgraded server is noticed. */
  readonly legacyVerdictMs: number;
  /** Silence after which a notification stream is opened anew. */
  readonly streamIdleMs: number;
}

export const DEFAULT_UPSTREAM_LIMITS: UpstreamLimits = {
  resultBytesMax: 10 * 1024 * 1024,
  listBytesMax: 10 * 1024 * 1024,
  listPagesMax: 1000,
  listItemsMax: 20_000,
  definitionDepthMax: 32,
  sessionsMax: 200,
  sessionIdleMs: 600_000,
  connectTimeoutMs: 10_000,
  pingTimeoutMs: 2_500,
  breakerFailures: 5,
  breakerRestMs: 2_000,
  breakerTrialMs: 2_500,
  reconnectBaseMs: 250,
  reconnectCapMs: 2_000,
  respawnCapMs: 30_000,
  retryBaseMs: 50,
  retryCapMs: 2_000,
  listChangedDelayMs: 50,
  legacyVerdictMs: 600_000,
  streamIdleMs: 300_000,
};
