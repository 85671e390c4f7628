import type { Log } from "../../../model/ports/log.ts";
import type { JsonObject } from "../../../protocol/json-value.ts";
import type { Era } from "../../../protocol/revision.ts";
import type { UpstreamCounters } from "../counters.ts";
import type { DeadlineWheel } from "./deadline-wheel.ts";

/** Bounds of a single-channel connection. Durations are milliseconds. */
export interface ChannelSettings {
  /** Wait for `server/discover` before `initialize` is sent as well. */
  readonly probeTimeoutMs: number;
  /** From the start of the process or stream until the handshake is done; package runners may have to download first. */
  readonly connectTimeoutMs: number;
  /** Handshakes of the connection itself: log level, subscriptions. */
  readonly controlTimeoutMs: number;
  /** Longest message taken from the server. */
  readonly messageBytesMax: number;
  /** Unsent bytes held for a server that does not read; a message more is refused. */
  readonly unsentBytesMax: number;
  /** Malformed messages in a row before the connection is given up. */
  readonly malformedMax: number;
  /** The same before the first good message: package runners and banners print to stdout. */
  readonly malformedMaxAtStart: number;
  /** Questions of the server open at once, for each call under way; one more is refused to it. */
  readonly questionsMax: number;
}

export const DEFAULT_CHANNEL_SETTINGS: ChannelSettings = {
  probeTimeoutMs: 3_000,
  connectTimeoutMs: 60_000,
  controlTimeoutMs: 10_000,
  messageBytesMax: 64 * 1024 * 1024,
  unsentBytesMax: 16 * 1024 * 1024,
  malformedMax: 3,
  malformedMaxAtStart: 20,
  questionsMax: 64,
};

/** What every single-channel connection is made with. */
export interface ChannelContext {
  readonly settings: ChannelSettings;
  readonly wheel: DeadlineWheel;
  readonly log: Log;
  /** `clientInfo` where the client behind did not name itself. */
  readonly gatewayInfo: JsonObject;
}

/** What is known when a connection is opened. */
export interface ConnectHints {
  /** The era the server spoke last. Legacy skips the probe, so let the verdict expire. */
  readonly era?: Era | undefined;
  readonly counters?: UpstreamCounters | undefined;
}
