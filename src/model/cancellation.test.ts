import { expect, test } from "bun:test";
import { Cancellation, type CancelReason } from "./cancellation.ts";

test("every listener hears once, with the first reason; a late one at once, a removed one never", () => {
  const cancellation = new Cancellation();
  const heard: [string, CancelReason][] = [];
  cancellation.onCancel((reason) => heard.push(["first", reason]));
  const remove = cancellation.onCancel((reason) => heard.push(["removed", reason]));
  remove();
  expect(cancellation.cancelled).toBe(false);
  cancellation.cancel("client_gone");
  cancellation.cancel("shutdown");
  cancellation.onCancel((reason) => heard.push(["late", reason]))();
  expect(heard).toEqual([
    ["first", "client_gone"],
    ["late", "client_gone"],
  ]);
  expect(cancellation.reason).toBe("client_gone");
});

test("a listener that throws does not keep the others from hearing", () => {
  const cancellation = new Cancellation();
  let heard = false;
  cancellation.onCancel(() => {
    throw new Error("careless");
  });
  cancellation.onCancel(() => {
    heard = true;
  });
  expect(() => cancellation.cancel("shutdown")).toThrow("careless");
  expect(heard).toBe(true);
});
