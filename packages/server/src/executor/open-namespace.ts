import { type EpochStartedEvent, epochStarted, type NamespaceState } from "@lockstep/core";
import { EpochCause, type Limits } from "@lockstep/protocol";
import type { Journal } from "../journal/journal.ts";
import { lineageStart } from "../journal/lineage.ts";
import type { Clock } from "../ports/clock.ts";
import { coreCodec } from "../snapshot/core-codec.ts";
import { rebuildState, sourceOf } from "../snapshot/rebuild.ts";
import { Upkeep, type UpkeepOptions } from "../snapshot/upkeep.ts";
import { toRecord } from "./event-codec.ts";
import { Executor } from "./executor.ts";
import type { ExecutorParts } from "./executor-parts.ts";
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
  extends Pick<ExecutorParts, "name" | "clusterId" | "node" | "clock" | "onStopped" | "onDamage"> {
  /** Open, verified, and written by nobody else. */
  readonly journal: Journal;
  readonly limits: Limits;
  readonly serverVersion: string;
  /** Begin a new lineage; the journal was told so when it was opened. */
  readonly lineage?: Lineage | undefined;
  /** How the journal is kept bounded; undefined: it grows. */
  readonly upkeep?: UpkeepOptions | undefined;
}

/**
 * Rebuilds a namespace from its journal, the snapshot first and then what followed it, and makes the
 * beginning of its new epoch durable. It answers after `start()`, which is called when keep-alives can
 * be received.
 *
 * @throws JournalOpenError DAMAGED when the events do not follow one another, or the snapshot cannot be
 *   read.
 */
export async function openNamespace(options: OpenNamespaceOptions): Promise<Executor> {
  const { name, clusterId, node, clock, onStopped, journal, limits } = options;
  const { state, replayedEvents } = await rebuildState(await sourceOf(journal), limits, coreCodec);
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
    onDamage: options.onDamage,
    upkeep: options.upkeep && upkeepOf(options, options.upkeep, replayedEvents + 1),
  });
}

function upkeepOf(
  { journal, clock, limits }: OpenNamespaceOptions,
  upkeep: UpkeepOptions,
  eventsSinceSnapshot: number,
): Upkeep {
  const minFreeBytes = limits.min_free_bytes;
  return new Upkeep({ ...upkeep, journal, clock, minFreeBytes, eventsSinceSnapshot });
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
