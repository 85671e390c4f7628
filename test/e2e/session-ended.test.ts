import { expect, test } from "bun:test";
import { Events } from "../integration/http-gateway.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, startGateway } from "./gateway.ts";
import { RawSession } from "./raw-session.ts";

test("a session an administrator ends is unknown at once, and its stream ends", async () => {
  await using gateway = await startGateway({ servers: [] });
  const headers = { authorization: `Bearer ${await bootstrapKey(gateway)}` };
  const session = await RawSession.open(gateway.mcpUrl());
  const events = new Events(await session.get());
  const url = `${gateway.origin}/api/admin/sessions`;
  const id = await eventually("its row is listed", async () => {
    const { items } = (await (await fetch(url, { headers })).json()) as { items: { id: string }[] };
    return items[0]?.id;
  });
  expect((await fetch(`${url}/${id}`, { method: "DELETE", headers })).ok).toBe(true);
  expect((await session.post({ id: 1, method: "ping" })).status).toBe(404);
  await events.rest();
});
