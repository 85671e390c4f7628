import { describe } from "bun:test";
import { MemoryLimiter } from "../../src/storage/limiter/memory-limiter.ts";
import { limiterContract } from "./limiter.contract.ts";

describe("limiter in memory", () => {
  limiterContract((clock) => Promise.resolve(new MemoryLimiter({ clock })));
});
