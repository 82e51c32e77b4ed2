import {
  apply,
  type EpochStartedEvent,
  epochStarted,
  InvariantError,
  NamespaceState,
} from "@lockstep/core";
import { EpochCause, type Event, type Limits } from "@lockstep/protocol";
import type { Journal } from "../journal/journal.ts";
import { JournalOpenError } from "../journal/journal.ts";
import { lineageStart } from "../journal/lineage.ts";
import type { Clock } from "../ports/clock.ts";
import { toEvent, toRecord } from "./event-codec.ts";
import { Executor, type ExecutorParts } from "./executor.ts";
import { leaseNow } from "./lease-clock.ts";

/** A history that cannot prove it continues the old one. */
export interface Lineage {
  /** The first revision of it, above all ever used. */
  readonly revision: bigint;
  /** Its first epoch, above all ever used. */
  readonly epoch: bigint;
  /** How long nothing is granted: the longest time to live, unless this is a development run. */
  readonly grantPauseMs: number;
}

/** What a namespace is opened with. */
export interface OpenNamespaceOptions
  extends Pick<ExecutorParts, "name" | "clusterId" | "node" | "clock" | "onStopped"> {
  /** Open, verified, and written by nobody else. */
  readonly journal: Journal;
  readonly limits: Limits;
  readonly serverVersion: string;
  /** Begin a new lineage; the journal was told so when it was opened. */
  readonly lineage?: Lineage | undefined;
}

const PAGE = { maxRecords: 4_096, maxBytes: 4 * 1024 * 1024 };

/**
 * Rebuilds a namespace from its journal and makes the beginning of its new epoch durable. It answers
 * after `start()`, which is called when keep-alives can be received.
 *
 * @throws JournalOpenError DAMAGED when the events do not follow one another.
 */
export async function openNamespace(options: OpenNamespaceOptions): Promise<Executor> {
  const { name, clusterId, node, clock, onStopped, journal } = options;
  const state = new NamespaceState(options.limits);
  await replay(journal, state);
  const first = firstEvent(options, state, clock);
  first.node = node;
  const { epoch } = first.body.value;
  await journal.append(state.revision, { epoch, records: [toRecord(first)] });
  return new Executor({
    name,
    clusterId,
    node,
    state,
    journal,
    clock,
    epochStarted: first,
    onStopped,
  });
}

async function replay(journal: Journal, state: NamespaceState): Promise<void> {
  for (let after = 0n, more = true; more; ) {
    const page = await journal.read(after, PAGE);
    for (const record of page.records) applyRecorded(state, toEvent(record));
    after = page.scannedTo;
    more = page.more;
  }
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

function firstEvent(
  { journal, lineage, serverVersion }: OpenNamespaceOptions,
  state: NamespaceState,
  clock: Clock,
): EpochStartedEvent {
  const cause = lineage
    ? EpochCause.NEW_LINEAGE
    : state.epoch === 0n
      ? EpochCause.CREATED
      : EpochCause.RECOVERED;
  // Without a lineage of its own the epoch follows what is known.
  const { revision, epoch } = lineageStart(
    lineage ?? { revision: 0n, epoch: 0n },
    journal.state().highest,
  );
  const grantPauseMs = BigInt(lineage?.grantPauseMs ?? 0);
  return epochStarted(revision, leaseNow(clock), { epoch, cause, serverVersion, grantPauseMs });
}
