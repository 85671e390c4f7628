import type { StoreSettings } from "../config/settings.ts";
import { serveDrain } from "../journal/drain-thread.ts";
import { openRecordSink } from "../storage/open.ts";

/** The thread that moves the journal's records into the store. */
serveDrain(async (options) => [await openRecordSink(options as StoreSettings)]);
