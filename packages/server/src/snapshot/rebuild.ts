import { apply, InvariantError, NamespaceState, verifyRoots } from "@lockstep/core";
import type { Event, Limits } from "@lockstep/protocol";
import { toEvent } from "../executor/event-codec.ts";
import {
  type Journal,
  JournalOpenError,
  type JournalRecord,
  type StoredSnapshot,
} from "../journal/journal.ts";
import { nodeSha256 } from "../node-sha256.ts";
import type { StateCodec } from "./codec.ts";

/** What a state is rebuilt from. */
export interface StateSource {
  /** Where to begin; undefined: at nothing. */
  readonly snapshot: StoredSnapshot | undefined;
  /** The records after it, page by page. */
  readonly pages: AsyncIterable<readonly JournalRecord[]>;
}

/** A state that was rebuilt. */
export interface RebuiltState {
  readonly state: NamespaceState;
  /** How many events were applied to the snapshot. */
  readonly replayedEvents: number;
}

/** A journal as far as it is read. */
export type ReadableJournal = Pick<Journal, "state" | "read" | "readSnapshot">;

const PAGE = { maxRecords: 1_024, maxBytes: 1024 * 1024 };

/** Everything durable in a journal by now: its snapshot and the events after it. */
export async function sourceOf(journal: ReadableJournal): Promise<StateSource> {
  const { tail } = journal.state();
  const snapshot = await journal.readSnapshot();
  return { snapshot, pages: pagesOf(journal, snapshot?.revision ?? 0n, tail) };
}

async function* pagesOf(
  journal: ReadableJournal,
  from: bigint,
  tail: bigint,
): AsyncGenerator<readonly JournalRecord[]> {
  for (let after = from; after < tail; ) {
    const { records, scannedTo } = await journal.read(after, PAGE);
    const upToTail = records.filter(({ revision }) => revision <= tail);
    if (upToTail.length > 0) yield upToTail;
    after = scannedTo;
  }
}

/**
 * Rebuilds the state of a namespace.
 * @throws JournalOpenError DAMAGED when the snapshot cannot be read or the events do not follow it.
 */
export async function rebuildState(
  { snapshot, pages }: StateSource,
  limits: Limits,
  codec: StateCodec,
): Promise<RebuiltState> {
  const state = snapshot
    ? await decoded(snapshot, limits, codec)
    : new NamespaceState(limits, nodeSha256);
  let replayedEvents = 0;
  for await (const page of pages) {
    for (const record of page) applyRecorded(state, toEvent(record));
    replayedEvents += page.length;
  }
  checkRoots(state);
  return { state, replayedEvents };
}

async function decoded(
  { revision, epoch, chunks }: StoredSnapshot,
  limits: Limits,
  codec: StateCodec,
): Promise<NamespaceState> {
  const state = await codec.decode(chunks, limits).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unusable(revision, why, cause);
  });
  if (state.revision === revision && state.epoch === epoch) return state;
  throw unusable(
    revision,
    `it holds revision ${state.revision} of epoch ${state.epoch}, not of epoch ${epoch}`,
  );
}

function unusable(revision: bigint, why: string, cause?: unknown): JournalOpenError {
  return new JournalOpenError(
    "DAMAGED",
    `the journal's snapshot of revision ${revision} cannot be used (${why}): start the version that wrote it, or restore a backup`,
    { cause },
  );
}

function applyRecorded(state: NamespaceState, event: Event): void {
  try {
    apply(state, event);
  } catch (cause) {
    if (!(cause instanceof InvariantError)) throw cause;
    throw new JournalOpenError(
      "DAMAGED",
      `the journal's event ${event.revision} does not follow from those before it (${cause.message}): restore a backup`,
      { cause },
    );
  }
}

/** Hashes of rows are taken as the events tell them; whether they make the digests of the checkpoints is looked at once. */
function checkRoots(state: NamespaceState): void {
  try {
    verifyRoots(state);
  } catch (cause) {
    if (!(cause instanceof InvariantError)) throw cause;
    throw new JournalOpenError(
      "DAMAGED",
      `the journal's events up to ${state.revision} do not lead to what they say (${cause.message}): restore a backup`,
      { cause },
    );
  }
}
