import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import style from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
// Named so, they are inside the single executable, too.
import script from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { defineRoute } from "../route.ts";

/** Beside the program where it is bundled, else where the packages are. */
const beside = (path: string) => resolve(import.meta.dirname, path);
const FILES = new Map([
  ["swagger-ui.css", { path: beside(style), contentType: "text/css; charset=utf-8" }],
  ["swagger-ui-bundle.js", { path: beside(script), contentType: "text/javascript; charset=utf-8" }],
]);
const START = `window.ui = SwaggerUIBundle({ url: "/openapi.json", dom_id: "#ui", deepLinking: true });`;
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>MCP Gateway: administration API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;
/** Everything from here: no other host, no inline script; the viewer sets styles and embeds images itself. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export const documentationRoutes = [
  defineRoute({
    id: "openapi",
    method: "GET",
    path: "/openapi.json",
    access: "open",
    action: "documentation.get",
    summary: "This API as OpenAPI 3.1.",
    response: z.record(z.string(), z.unknown()),
    refuses: ["not_found"],
    handle: async ({ parts }) => {
      const document = parts.openApi();
      if (document === undefined) throw new GatewayError("not_found");
      return { body: document };
    },
  }),
  defineRoute({
    id: "docs",
    method: "GET",
    path: "/docs",
    access: "open",
    action: "documentation.get",
    summary: "This API, interactive.",
    produces: ["text/html"],
    refuses: ["not_found"],
    handle: async ({ parts }) => {
      if (parts.openApi() === undefined) throw new GatewayError("not_found");
      return {
        raw: { body: PAGE, contentType: "text/html; charset=utf-8" },
        headers: {
          "content-security-policy": POLICY,
          "x-frame-options": "DENY",
          "referrer-policy": "no-referrer",
        },
      };
    },
  }),
  defineRoute({
    id: "docs-file",
    method: "GET",
    path: "/docs/{file}",
    access: "open",
    action: "documentation.get",
    summary: "The files of the interactive page.",
    produces: ["text/css", "text/javascript"],
    refuses: ["not_found"],
    handle: async ({ parts, params }) => {
      const name = params.file ?? "";
      if (parts.openApi() === undefined) throw new GatewayError("not_found");
      if (name === "start.js") return { raw: { body: START, contentType: "text/javascript; charset=utf-8" } };
      const file = FILES.get(name);
      if (file === undefined) throw new GatewayError("not_found");
      return {
        raw: { body: await readFile(file.path, "utf8"), contentType: file.contentType },
        headers: { "cache-control": "public, max-age=3600" },
      };
    },
  }),
];
