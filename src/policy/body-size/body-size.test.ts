import { expect, test } from "bun:test";
import { arrivalOf, verdict } from "../arrival.testing.ts";
import { bodySizePolicy } from "./body-size.ts";

test("a declared length over the limit is refused before the next layer runs; without one the reader bounds it", async () => {
  const policy = bodySizePolicy<string>(100);
  let served = 0;
  const at = (headers: Record<string, string>) =>
    verdict(() => policy(arrivalOf(headers), () => `served ${++served}`));
  expect(await at({ "content-length": "101" })).toBe("body_too_large");
  expect(await at({ "content-length": "1e9" })).toBe("body_too_large");
  expect(served).toBe(0);
  expect(await at({ "content-length": "100" })).toBe("passed");
  expect(await at({})).toBe("passed");
  expect(served).toBe(2);
});
