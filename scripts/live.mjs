// Does the gateway of this machine answer? Exit code 0 when `/live` does, 1 otherwise, with the reason. The health check
// of the container image: plain Node, because the image's base has no other client.
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";

/** Less than the health check's own timeout, so that the reason is still said. */
const TIMEOUT_MS = 2_000;

const options = {
  host: "127.0.0.1",
  port: process.env.MCP_GATEWAY_PORT || 8080,
  path: "/live",
  // The certificate names the gateway's public host.
  rejectUnauthorized: false,
  signal: AbortSignal.timeout(TIMEOUT_MS * 2),
};

function status(get) {
  return new Promise((resolve, reject) => {
    const request = get({ ...options, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.once("timeout", () => request.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    request.once("error", reject);
  });
}

try {
  const answered = await status(httpGet).catch((plain) =>
    status(httpsGet).catch(() => Promise.reject(plain)),
  );
  if (answered !== 200) throw new Error(`status ${answered}`);
} catch (error) {
  console.error(`port ${options.port}, /live: ${error.message}`);
  process.exitCode = 1;
}
