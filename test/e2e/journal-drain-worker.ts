/** Thread of `journal-store.test.ts`: drains into the store its options locate. */
import { serveDrain } from "../../src/journal/drain-thread.ts";
import type { StoreLocation } from "../../src/storage/location.ts";
import { openRecordSink } from "../../src/storage/open.ts";

serveDrain(async (location) => [await openRecordSink(location as StoreLocation)]);
