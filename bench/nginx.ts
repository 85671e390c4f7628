/** nginx as a plain reverse proxy: one worker, connections to the upstream kept open, no log. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, type Started, start } from "./processes.ts";

export async function startNginx(
  folder: string,
  upstreamPort: number,
): Promise<{ process: Started; port: number }> {
  const port = await freePort();
  const home = join(folder, "nginx");
  mkdirSync(home, { recursive: true });
  const config = join(home, "nginx.conf");
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${home}/${kind};`)
    .join(" ");
  writeFileSync(
    config,
    `worker_processes 1; daemon off; pid ${home}/pid; error_log ${home}/error.log;
${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 4096; }
http {
  access_log off; ${paths}
  upstream servers { server 127.0.0.1:${upstreamPort}; keepalive 64; }
  keepalive_requests 100000000;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://servers; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
  );
  return { process: start("nginx", ["nginx", "-c", config, "-e", `${home}/error.log`]), port };
}
