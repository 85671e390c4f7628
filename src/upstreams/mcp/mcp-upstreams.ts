import type { ChildHost } from "../../model/ports/child-host.ts";
import { type Clock, systemClock } from "../../model/ports/clock.ts";
import type { Log } from "../../model/ports/log.ts";
import type { ServerDefinition } from "../../model/server.ts";
import type { HttpClient } from "../../net/http-exchange.ts";
import { DeadlineWheel } from "./channel/deadline-wheel.ts";
import { type ChannelSettings, DEFAULT_CHANNEL_SETTINGS } from "./channel/settings.ts";
import { DEFAULT_UPSTREAM_LIMITS, type UpstreamLimits } from "./limits.ts";
import { connectSse } from "./sse/connect-sse.ts";
import { connectStdio } from "./stdio/connect-stdio.ts";
import { McpUpstream } from "./upstream.ts";

export interface McpUpstreamsDeps {
  readonly http: HttpClient;
  readonly childHost: ChildHost;
  readonly log: Log;
  readonly gatewayInfo: { readonly name: string; readonly version: string };
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly limits?: Partial<UpstreamLimits>;
  readonly channel?: Partial<ChannelSettings>;
}

/** The factory of MCP upstreams; its product satisfies `UpstreamFactory` and shows its counters to telemetry. */
export function createMcpUpstreams(deps: McpUpstreamsDeps): (server: ServerDefinition) => McpUpstream {
  const { http, childHost, log, clock = systemClock, random = Math.random } = deps;
  const gatewayInfo = { ...deps.gatewayInfo };
  const limits = { ...DEFAULT_UPSTREAM_LIMITS, ...deps.limits };
  const context = {
    settings: { ...DEFAULT_CHANNEL_SETTINGS, messageBytesMax: limits.resultBytesMax, ...deps.channel },
    wheel: new DeadlineWheel(clock),
    log,
    gatewayInfo,
    childHost,
    http,
    userAgent: `${deps.gatewayInfo.name}/${deps.gatewayInfo.version}`,
  };
  return (server) =>
    new McpUpstream(server, {
      http,
      limits,
      log,
      clock,
      random,
      gatewayInfo,
      connectStdio: (definition, request, hints) => connectStdio(definition, request, hints, context),
      connectSse: (definition, request, hints) => connectSse(definition, request, hints, context),
    });
}
