import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, leftOut, startProgram, temporaryFolder } from "./program.ts";

/**
 * nginx in front of gateways, as docs/guides/scaling.md has it: each request to the next, one that a gateway refused
 * passed on. `undefined` where it is not installed.
 */
export async function startNginx(
  ports: readonly number[],
): Promise<{ readonly origin: string; stop(): Promise<void> } | undefined> {
  const command = Bun.which("nginx") ?? Bun.which("/usr/sbin/nginx");
  if (command === null) return leftOut("nginx");
  const folder = temporaryFolder("nginx");
  const port = await freePort();
  const path = join(folder, "nginx.conf");
  writeFileSync(path, configuration(folder, port, ports));
  const child = await startProgram({
    folder,
    command,
    args: ["-p", folder, "-c", path, "-e", join(folder, "error.log"), "-g", "daemon off;"],
    stopSignal: "SIGQUIT",
    ready: async () => (await fetch(`http://127.0.0.1:${port}/live`)).ok,
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill("SIGTERM");
      while (child.exitCode === null && child.signalCode === null) await Bun.sleep(10);
    },
  };
}

function configuration(folder: string, port: number, ports: readonly number[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join("\n  ");
  return `
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary}
  upstream gateways {
    ${ports.map((one) => `server 127.0.0.1:${one} max_fails=0;`).join("\n    ")}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host localhost;
      proxy_buffering off;
      proxy_read_timeout 1h;
      proxy_next_upstream error http_503 non_idempotent;
      proxy_next_upstream_tries 2;
    }
  }
}
`;
}
