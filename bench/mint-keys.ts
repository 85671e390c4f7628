/** Makes many keys with the code of a given tree: `bun mint-keys.ts ROOT CONFIG COUNT PATTERN…`; prints one a line. */
import { join } from "node:path";

const [root = "", config = "", count = "", ...permissions] = process.argv.slice(2);
type Operation = typeof import("../src/cli/operation.ts");
type SettingsSource = typeof import("../src/cli/settings-source.ts");
const { withOperation } = (await import(join(root, "src/cli/operation.ts"))) as Operation;
const source = (await import(join(root, "src/cli/settings-source.ts"))) as SettingsSource;
const { settings } = await source.readSettings(source.commandLoadOptions({ config }));
const AT_ONCE = 50;
await withOperation(settings, async ({ keys }) => {
  const one = (index: number) =>
    keys.create({
      name: `bench-${index}`,
      type: "user",
      role: "user",
      permissions,
      organization: "default",
      namespace: undefined,
      platformAdmin: false,
      lifetimeMs: undefined,
    });
  for (let made = 0; made < Number(count); made += AT_ONCE) {
    const size = Math.min(AT_ONCE, Number(count) - made);
    const issued = await Promise.all(Array.from({ length: size }, (_, index) => one(made + index)));
    for (const { key } of issued) console.log(key);
  }
});
process.exit(0);
