import { create, toBinary } from "@bufbuild/protobuf";
import { EventSchema } from "@lockstep/protocol";
import type { JournalBatch } from "../../journal/journal.ts";

/** A batch of events that say no more than when they were decided, one for each moment given. */
export function eventBatch(first: bigint, unixMs: readonly number[], epoch = 1n): JournalBatch {
  const records = unixMs.map((decidedAtMs, index) => {
    const revision = first + BigInt(index);
    const event = create(EventSchema, { revision, decidedAtMs: BigInt(decidedAtMs) });
    return { revision, bytes: toBinary(EventSchema, event), keys: [] };
  });
  return { epoch, records };
}
