/** Makes many keys with the code of a given tree: `bun mint-keys.ts ROOT CONFIG COUNT PATTERN…`; prints one a line. */
import { join } from "node:path";

const [root = "", config = "", count = "", ...permissions] = process.argv.slice(2);
type Operation = typeof import("../src/cli/operation.ts");
type SettingsSource = typeof import("../src/cli/settings-source.ts");
const { withOperation } = (await import(join(root, "src/cli/operation.ts"))) as Operation;
const source = (await import(join(root, "src/cli/settings-source.ts"))) as SettingsSource;
const { settings } = await source.readSettings(source.commandLoadOptions({ config }));
await withOperation(settings, async ({ keys }) => {
  for (let i = 0; i < Number(count); i++) {
    const issued = await keys.create({
      name: `bench-${i}`,
      type: "user",
      role: "user",
      permissions,
      organization: "default",
      namespace: undefined,
      platformAdmin: false,
      lifetimeMs: undefined,
    });
    console.log(issued.key);
  }
});
process.exit(0);
