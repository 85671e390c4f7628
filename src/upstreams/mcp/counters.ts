/** What one upstream counted since it was made; read by telemetry. */
export class UpstreamCounters {
  calls = 0;
  failures = 0;
  retries = 0;
  reconnects = 0;
  breakerOpened = 0;
  /** Refused because the server had its maximum of calls or sessions. */
  busy = 0;
  /** Messages that no id, token or private session attributes to anybody. */
  droppedMessages = 0;
  /** Questions refused because nobody could be asked. */
  refusedQuestions = 0;
  listRefreshes = 0;
  streamReopens = 0;
  resumedStreams = 0;
  sessionsOpened = 0;
  sessionsExpired = 0;
}
