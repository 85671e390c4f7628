import { expect, test } from "bun:test";
import { PAGE, protocolVersionsPage } from "./protocol-versions.ts";

test("docs/guides/protocol-versions.md says what the tests run (else: bun test/e2e/protocol-versions.ts)", async () => {
  expect(await Bun.file(PAGE).text()).toBe(protocolVersionsPage());
});
