import { expect, test } from "bun:test";
import { request } from "./administration.ts";
import { bootstrapKey, type Gateway } from "./gateway.ts";
import { startReplicas } from "./processes.ts";

test("wrong passwords are counted by all processes together, those of many at once too", async () => {
  await using processes = await startReplicas({ servers: [], anonymous: false });
  if (processes === undefined) return;
  const [first, second] = processes.gateways as [Gateway, Gateway];
  const key = await bootstrapKey(first);
  const password = "a password that is long enough";
  for (const username of ["ann", "bob"]) {
    const made = await request(first.origin, "POST", "/api/admin/users", key, { username, password });
    expect(made.status).toBe(201);
  }
  const login = async ({ origin }: Gateway, username: string, secret: string) => {
    const body = { organization: "default", username, password: secret };
    return (await request(origin, "POST", "/auth/login", undefined, body)).status;
  };
  for (let round = 0; round < 5; round++) {
    for (const gateway of processes.gateways) expect(await login(gateway, "ann", "wrong")).toBe(401);
  }
  for (const gateway of processes.gateways) expect(await login(gateway, "ann", password)).toBe(429);
  expect(await login(second, "bob", password)).toBe(200);

  const guesses = Array.from({ length: 60 }, (_, n) => login(n % 2 === 0 ? first : second, "bob", "wrong"));
  const ends = await Promise.all(guesses);
  expect(ends.every((status) => status === 401 || status === 429)).toBe(true);
  for (const gateway of processes.gateways) expect(await login(gateway, "bob", password)).toBe(429);
}, 60_000);
