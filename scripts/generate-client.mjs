// Writes src/client/admin-api.ts anew from the routes of the control plane. Usage: bun scripts/generate-client.mjs
import { writeFileSync } from "node:fs";
import { clientSource } from "../src/admin/documentation/client-source.ts";
import { adminRoutes } from "../src/admin/routes.ts";

writeFileSync(new URL("../src/client/admin-api.ts", import.meta.url), clientSource(adminRoutes));
