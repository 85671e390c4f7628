/** Headers that belong to one connection. */
const HOP_HEADERS = ["connection", "keep-alive", "transfer-encoding", "content-length", "host"];

const PROBE_MS = 50;

async function isReady(origin: string): Promise<boolean> {
  const answer = await fetch(`${origin}/ready`, { keepalive: false }).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.ok === true;
}

/** A balancer that sticks to nothing: each request goes to the next target, over a connection of its own. */
export interface Alternating {
  readonly origin: string;
  /** From now on only those get requests whose `/ready` says so, asked every 50 ms. */
  watch(): void;
  stop(): Promise<void>;
}

/**
 * A target that refuses the connection, or says 503 before it did anything, is passed over for the next, as a balancer
 * does: such a request was not executed.
 */
export function startAlternating(origins: readonly string[]): Alternating {
  let targets = origins;
  let next = 0;
  let watching: ReturnType<typeof setInterval> | undefined;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const headers = new Headers(request.headers);
      for (const name of HOP_HEADERS) headers.delete(name);
      const body = request.method === "POST" ? await request.text() : undefined;
      const first = next++;
      for (let attempt = 0; ; attempt++) {
        const index = (first + attempt) % targets.length;
        const last = attempt + 1 >= targets.length;
        try {
          const answer = await fetch(`${targets[index]}${pathname}${search}`, {
            method: request.method,
            headers,
            keepalive: false,
            signal: request.signal,
            redirect: "manual",
            ...(body !== undefined && { body }),
          });
          if (answer.status === 503 && !last) {
            await answer.body?.cancel();
            continue;
          }
          return new Response(answer.body, { status: answer.status, headers: answer.headers });
        } catch (failure) {
          const isRefused = failure instanceof Error && "code" in failure && failure.code === "ECONNREFUSED";
          if (!isRefused || last) return new Response(String(failure), { status: 502 });
        }
      }
    },
  });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    watch: () => {
      watching = setInterval(async () => {
        const ready = await Promise.all(origins.map(isReady));
        const living = origins.filter((_, index) => ready[index]);
        if (living.length > 0) targets = living;
      }, PROBE_MS);
    },
    stop: async () => {
      clearInterval(watching);
      await server.stop(true);
    },
  };
}
