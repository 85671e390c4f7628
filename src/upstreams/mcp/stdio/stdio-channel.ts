import { GatewayError } from "../../../errors/gateway-error.ts";
import type { Child, ChildHost } from "../../../model/ports/child-host.ts";
import type { ServerDefinition, StdioConnectionSettings } from "../../../model/server.ts";
import type { Channel, ChannelReceiver } from "../channel/channel.ts";
import type { ChannelSettings } from "../channel/settings.ts";
import type { ConnectionLoss } from "../connection.ts";

const STDERR_LINES_IN_REASON = 5;

/** A child's stdin and stdout, one JSON-RPC message a line. */
export class StdioChannel implements Channel {
  readonly #server: string;
  readonly #child: Child;
  #receiver: ChannelReceiver | undefined;
  #waiting: string[] = [];
  #loss: ConnectionLoss | undefined;

  /** Starts the process. @throws GatewayError `upstream_unreachable` */
  constructor(
    server: ServerDefinition,
    connection: StdioConnectionSettings,
    host: ChildHost,
    settings: ChannelSettings,
  ) {
    this.#server = server.name;
    try {
      this.#child = host.start(
        {
          label: server.name,
          command: connection.command,
          args: connection.args,
          environment: connection.environment,
          workingDir: connection.workingDir,
        },
        { lineBytesMax: settings.messageBytesMax, unsentBytesMax: settings.unsentBytesMax },
        { onLine: (line) => this.#onLine(line), onEnd: (end) => this.#onEnd(end) },
      );
    } catch (cause) {
      throw new GatewayError("upstream_unreachable", { server: server.name }, { cause });
    }
  }

  open(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
    for (const line of this.#waiting) receiver.onMessage(line);
    this.#waiting = [];
    if (this.#loss !== undefined) receiver.onClosed(this.#loss);
  }

  send(text: string): void | Promise<void> {
    try {
      return this.#child.write(text)?.catch((cause) => {
        // Some of it may have been read.
        throw new GatewayError("upstream_lost", { server: this.#server }, { cause });
      });
    } catch (cause) {
      throw new GatewayError("upstream_unreachable", { server: this.#server }, { cause });
    }
  }

  close(): Promise<void> {
    return this.#child.stop();
  }

  /** A reason with what the process said last, for the operator. */
  explain(reason: string): string {
    const tail = this.#child.stderrTail.slice(-STDERR_LINES_IN_REASON);
    return tail.length === 0 ? reason : `${reason}; it wrote: ${tail.join(" | ")}`;
  }

  #onLine(line: string): void {
    if (this.#receiver === undefined) this.#waiting.push(line);
    else this.#receiver.onMessage(line);
  }

  #onEnd(end: { reason: string; orderly: boolean }): void {
    this.#loss = { reason: this.explain(end.reason), orderly: end.orderly };
    this.#receiver?.onClosed(this.#loss);
  }
}
