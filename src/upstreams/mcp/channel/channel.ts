import type { ConnectionLoss } from "../connection.ts";

/** One bidirectional stream of messages to one server: a child's stdin and stdout, or an SSE stream with its POSTs. */
export interface Channel {
  /** Starts delivery; called once, before the first `send`. What arrived earlier is delivered then. */
  open(receiver: ChannelReceiver): void;
  /**
   * Sends one message. A returned promise settles when the message left the gateway.
   * @throws GatewayError (or rejects with one) when this message cannot be sent; the channel itself may live on.
   */
  send(text: string): void | Promise<void>;
  /** Told once the revision is agreed; HTTP needs it in a header. */
  negotiated?(revision: string): void;
  /** Ends the channel without `onClosed`. Resolves when nothing of it is left. */
  close(): Promise<void>;
}

export interface ChannelReceiver {
  /** One message, complete and unparsed. */
  onMessage(text: string): void;
  /** Called at most once; nothing is delivered after it. */
  onClosed(loss: ConnectionLoss): void;
}
