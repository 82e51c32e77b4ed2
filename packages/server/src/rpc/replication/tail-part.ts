import { create } from "@bufbuild/protobuf";
import { compacted } from "@lockstep/core";
import { type Change, ChangesSchema, HeartbeatSchema } from "@lockstep/protocol";
import { damagedRefusal } from "../../executor/datasets/row-facts.ts";
import { changeBytes } from "../../journal/change-bytes.ts";
import type { StoredChanges } from "../../journal/tables.ts";
import { slowConsumer } from "../errors.ts";
import { pause } from "../pause.ts";
import { unlessAborted } from "../settle.ts";
import type { Bell } from "./bell.ts";
import { type Followed, type SubscriptionPart, signalsOf, stillFollowed } from "./followed.ts";
import type { Window } from "./window.ts";

/** How long a subscription is silent at most: then it sends a heartbeat. */
const HEARTBEAT_AFTER_MS = 1_000;
/** The most bytes of changes in a message, a single batch apart. */
const CHANGES_BYTES = 256 * 1024;

/** What a tail is paced by. */
export interface Pace {
  readonly window: Window;
  /** Rings when there may be more to send, or room for it. */
  readonly bell: Bell;
  /** When the last Ack made room, monotonic. */
  readonly ackedAtMs: () => number;
}

/**
 * Sends what follows the cursor as it becomes durable: changes in whole batches, each checkpoint behind the
 * change of its seq. It reads when the last message has left and there is room in the window, so a slow
 * subscriber costs the server a cursor.
 */
export async function* tailPart(followed: Followed, pace: Pace): AsyncGenerator<SubscriptionPart> {
  const { clock } = followed.environment;
  let afterCheckpoint = followed.cursor.seq - 1n;
  let silentSinceMs = clock.monotonicMs();
  let blockedSinceMs: number | undefined;
  let mayBeMore = true;
  for (;;) {
    const { head } = stillFollowed(followed);
    mayBeMore = pace.bell.take() || mayBeMore;
    if (mayBeMore && pace.window.room > 0) {
      blockedSinceMs = undefined;
      const found = await read(followed, afterCheckpoint, pace.window);
      for (const part of partsOf(followed, found, pace.window)) {
        if (part.case === "checkpoint") afterCheckpoint = part.value.seq;
        yield part;
        silentSinceMs = clock.monotonicMs();
      }
      if (found.damage !== undefined) throw damagedRefusal(followed.datasetName, found.damage);
      mayBeMore = found.changes.length > 0;
      continue;
    }
    if (pace.window.room === 0 && followed.cursor.seq < head.seq) {
      blockedSinceMs ??= clock.monotonicMs();
      checkNotStalled(followed, Math.max(blockedSinceMs, pace.ackedAtMs()));
    }
    const silentForMs = clock.monotonicMs() - silentSinceMs;
    if (silentForMs >= HEARTBEAT_AFTER_MS) {
      silentSinceMs = clock.monotonicMs();
      const value = create(HeartbeatSchema, { headSeq: head.seq });
      yield { case: "heartbeat", value };
      continue;
    }
    if (pace.bell.hasRung) continue;
    await pause(clock, HEARTBEAT_AFTER_MS - silentForMs, signalsOf(followed), (wake) =>
      pace.bell.listen(wake),
    );
  }
}

/** Reads what follows the cursor when its turn has come; it must follow without a gap. */
async function read(
  followed: Followed,
  afterCheckpoint: bigint,
  window: Window,
): Promise<StoredChanges> {
  const { datasetId, call, turns, cursor } = followed;
  const signals = signalsOf(followed);
  const maxBytes = Math.min(window.room, CHANGES_BYTES);
  const range = [datasetId, cursor.seq, afterCheckpoint, maxBytes] as const;
  // What is appended from here on need not be in what is read.
  const { head } = stillFollowed(followed);
  const recent = await turns.memory.run(signals, async () =>
    stillFollowed(followed).reads.recentChanges(...range),
  );
  const readStored = () =>
    unlessAborted(stillFollowed(followed).reads.readChanges(...range), call.signal);
  const found = recent ?? (await turns.disk.run(signals, readStored));
  const first = found.changes[0]?.seq;
  const hasGap = first === undefined ? cursor.seq < head.seq : first !== cursor.seq + 1n;
  if (hasGap && found.damage === undefined) {
    throw compacted("the subscription is behind what is kept", (first ?? head.seq + 1n) - 1n);
  }
  return found;
}

/** The messages of what was read: a checkpoint parts the changes before it from those behind it. */
function* partsOf(
  followed: Followed,
  { changes, batchEnds, logHashes, checkpoints }: StoredChanges,
  window: Window,
): Generator<SubscriptionPart & { case: "changes" | "checkpoint" }> {
  let [at, batch] = [0, 0];
  for (const checkpoint of [...checkpoints, undefined]) {
    const until = checkpoint?.seq ?? batchEnds.at(-1) ?? followed.cursor.seq;
    const firstBatch = batch;
    while (batch < batchEnds.length && (batchEnds[batch] as bigint) <= until) batch += 1;
    if (batch > firstBatch) {
      const ends = batchEnds.slice(firstBatch, batch);
      const prevSeq = followed.cursor.seq;
      const lastSeq = ends.at(-1) as bigint;
      const logHash = logHashes[batch - 1] as Uint8Array;
      const taken: Change[] = changes.slice(at, at + Number(lastSeq - prevSeq));
      at += taken.length;
      window.sent(
        lastSeq,
        taken.reduce((sum, change) => sum + changeBytes(change), 0),
      );
      followed.cursor = { seq: lastSeq, logHash };
      const value = create(ChangesSchema, { prevSeq, lastSeq, logHash, batchEnds: ends });
      value.changes = taken;
      yield { case: "changes", value };
    }
    if (checkpoint !== undefined) yield { case: "checkpoint", value: checkpoint };
  }
}

/** @throws ConnectError SLOW_CONSUMER when nothing was acknowledged for too long while there is more to send. */
function checkNotStalled(followed: Followed, sinceMs: number): void {
  const { clock, limits } = followed.environment;
  if (clock.monotonicMs() - sinceMs >= limits.max_subscriber_stall_ms) {
    throw slowConsumer(followed.cursor);
  }
}
