/** Opens streams and holds them: `bun stream-holder.ts PORT COUNT REQUEST`. Prints COUNT once each is acknowledged; ends, failed, when one ends. */
import { argv } from "node:process";

const [port = "", countText = "", request = ""] = argv.slice(2);
const count = Number(countText);
const AT_ONCE = 100;
const bytes = Buffer.from(request);

function open(): Promise<void> {
  const acknowledged = Promise.withResolvers<void>();
  let seen = "";
  Bun.connect({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: {
      open: (socket) => {
        socket.write(bytes);
      },
      data: (_, piece) => {
        if (seen === "acknowledged") return;
        seen += piece.toString("latin1");
        if (!seen.includes("subscriptions/acknowledged")) {
          if (seen.length > 4096) acknowledged.reject(new Error(seen.slice(0, 300)));
          return;
        }
        seen = "acknowledged";
        acknowledged.resolve();
      },
      close: () => {
        console.error(`a stream ended: ${seen.slice(0, 300)}`);
        process.exit(1);
      },
      error: (_, error) => acknowledged.reject(error),
    },
  }).catch(acknowledged.reject);
  return acknowledged.promise;
}

for (let opened = 0; opened < count; opened += AT_ONCE)
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened) }, open));
console.log(String(count));

// Nothing else to do; the sockets keep the process.
