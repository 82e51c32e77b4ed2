import {
  AppendOutcome,
  type AppendResponse,
  compareNames,
  ReplicaState,
  ReplicationMode,
  type WaitForReplicationResponse,
} from "@lockstep/protocol";
import type { Now } from "../op.ts";
import { limitExceeded } from "../refusal.ts";
import { remind } from "../state/reminders.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Dataset, ReplicaRecord } from "./dataset.ts";
import { inSyncOf } from "./in-sync.ts";
import type { Durability } from "./policy-settings.ts";
import type { ReplicationWait, SettledWait } from "./replication-waits.ts";

/** How long an answer waits for replicas when its request does not say. */
const DEFAULT_WAIT_MS = 10_000;

/**
 * There must be room for one more wait before anything is appended.
 * @throws Refusal when there is none.
 */
export function requireWaitRoom({ replicationWaits, limits }: NamespaceState): void {
  const max = limits.max_replication_waits;
  if (replicationWaits.size < max) return;
  const what = "too many appends wait for replicas: see which replica lags, or wait for fewer";
  throw limitExceeded("max_replication_waits", max, what);
}

/** At how many replicas that are OK a change must be applied, at least. */
export function neededReplicas({ mode, replicas }: Durability, minInSync: number): number {
  switch (mode) {
    case ReplicationMode.LOCAL:
      return 0;
    case ReplicationMode.QUORUM:
      return replicas;
    case ReplicationMode.ALL_IN_SYNC:
      return Math.max(1, minInSync);
  }
}

/**
 * Lets an answer wait until a change is applied where it must be. The wait is over at once when it is already:
 * then there is no id, and the reply says it.
 */
export function waitFor(
  state: NamespaceState,
  dataset: Dataset,
  { seq, durability, timeoutMs }: { seq: bigint; durability: Durability; timeoutMs: bigint },
  reply: AppendResponse | WaitForReplicationResponse,
  now: Now,
): bigint | undefined {
  const needed = neededReplicas(durability, dataset.settings.minInSync);
  const applied = appliedAt(dataset, now);
  if (isReplicated({ seq, durability, needed }, applied)) {
    answer(reply, seq, AppendOutcome.APPENDED, applied);
    return undefined;
  }
  requireWaitRoom(state);
  const askedMs = Number(timeoutMs) || DEFAULT_WAIT_MS;
  const deadlineMs = now.monotonicMs + Math.min(askedMs, state.limits.max_replication_wait_ms);
  state.nextWaitId += 1n;
  const id = state.nextWaitId;
  const datasetId = dataset.id;
  const wait = { id, datasetId, seq, durability, needed, deadlineMs, reply, isOver: false };
  dataset.waits.add(wait);
  state.replicationWaits.set(id, wait);
  remind(state, "replicationWait", id, deadlineMs);
  return id;
}

/** Ends the waits whose change is applied where it must be by now. */
export function settleWaits(state: NamespaceState, dataset: Dataset, now: Now): void {
  if (dataset.waits.size === 0) return;
  const applied = appliedAt(dataset, now);
  for (const wait of dataset.waits.upTo(applied.seqs[0] ?? 0n))
    if (isReplicated(wait, applied)) end(state, dataset, wait, AppendOutcome.APPENDED, applied);
}

/** Ends all waits of a dataset, which is about to be deleted. */
export function giveUpWaits(state: NamespaceState, dataset: Dataset, now: Now): void {
  const applied = appliedAt(dataset, now);
  for (const wait of dataset.waits.upTo(dataset.head.seq))
    end(state, dataset, wait, AppendOutcome.APPENDED_NOT_REPLICATED, applied);
}

/** Ends a wait whose time has passed; when to look again otherwise. */
export function endWaitInTime(state: NamespaceState, id: bigint, now: Now): number | undefined {
  const wait = state.replicationWaits.get(id);
  const dataset = wait === undefined ? undefined : state.datasets.byId(wait.datasetId);
  if (wait === undefined || dataset === undefined) return undefined;
  if (now.monotonicMs < wait.deadlineMs) return wait.deadlineMs;
  const applied = appliedAt(dataset, now);
  // The set of those in sync shrinks by time alone, too.
  const outcome = isReplicated(wait, applied)
    ? AppendOutcome.APPENDED
    : AppendOutcome.APPENDED_NOT_REPLICATED;
  end(state, dataset, wait, outcome, applied);
  return undefined;
}

/** Takes the waits that have ended since it was last asked. */
export function takeSettled(state: NamespaceState): readonly SettledWait[] {
  if (state.settledWaits.length === 0) return NONE;
  const settled = state.settledWaits;
  state.settledWaits = [];
  return settled;
}

const NONE: readonly SettledWait[] = Object.freeze([]);

/** Which replicas have applied what, at one moment. */
interface Applied {
  /** Up to where each replica that is OK has applied; the highest first. */
  readonly seqs: readonly bigint[];
  /** Up to where all in the in-sync set have; undefined when it is empty. */
  readonly inSync: bigint | undefined;
  /** Those that are OK, by name in byte order. */
  readonly replicas: readonly ReplicaRecord[];
}

function appliedAt(dataset: Dataset, now: Now): Applied {
  const replicas = [...dataset.replicas.values()]
    .filter(({ state }) => state === ReplicaState.OK)
    .sort((a, b) => compareNames(a.name, b.name));
  const seqs = replicas.map(({ appliedSeq }) => appliedSeq).sort((a, b) => (a > b ? -1 : 1));
  let inSync: bigint | undefined;
  for (const { appliedSeq } of inSyncOf(dataset, now))
    if (inSync === undefined || appliedSeq < inSync) inSync = appliedSeq;
  return { seqs, inSync, replicas };
}

function isReplicated(
  { seq, durability, needed }: Pick<ReplicationWait, "seq" | "durability" | "needed">,
  { seqs, inSync }: Applied,
): boolean {
  if (needed > 0 && (seqs[needed - 1] ?? -1n) < seq) return false;
  return durability.mode !== ReplicationMode.ALL_IN_SYNC || inSync === undefined || inSync >= seq;
}

function end(
  state: NamespaceState,
  dataset: Dataset,
  wait: ReplicationWait,
  outcome: AppendOutcome,
  applied: Applied,
): void {
  dataset.waits.remove(wait);
  state.replicationWaits.delete(wait.id);
  answer(wait.reply, wait.seq, outcome, applied);
  state.settledWaits.push({ waitId: wait.id, reply: wait.reply });
}

function answer(
  reply: AppendResponse | WaitForReplicationResponse,
  seq: bigint,
  outcome: AppendOutcome,
  { replicas }: Applied,
): void {
  reply.outcome = outcome;
  reply.appliedBy = replicas.filter((one) => one.appliedSeq >= seq).map(({ name }) => name);
}
