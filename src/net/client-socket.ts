/** The connection a request came over, as its listener lets others handle it. */
export interface ClientSocket {
  /** Lifts the idle limit: the connection now waits for us, not for the client. */
  keepOpen(request: Request): void;
  /**
   * Puts the limit back, or a connection that once waited for us would stay for ever when its client is gone without a
   * word. Call it before the answer ends; afterwards it finds nothing.
   */
  letIdle(request: Request): void;
}

/** Where there is no limit to lift. */
export const unlimitedSocket: ClientSocket = { keepOpen: () => {}, letIdle: () => {} };
