import {
  BatchHasher,
  type Checkpoint,
  type DatasetPolicy,
  DigestAccumulator,
  DigestHasher,
  type DriftReport,
  ReplicaState,
  type Sha256,
} from "@lockstep/protocol";
import { HeadTimes } from "./head-times.ts";
import { type PolicySettings, settingsOf } from "./policy-settings.ts";
import type { Position } from "./position.ts";
import { ReplicationWaits } from "./replication-waits.ts";

/** A registered replica: the generation in force. */
export interface ReplicaRecord {
  readonly name: string;
  readonly generation: bigint;
  /** The 16 bytes a repeat of its registration is recognised by. */
  readonly instance: Uint8Array;
  readonly description: string;
  readonly principal: string;
  /** Unix milliseconds. */
  readonly registeredAtMs: number;
  state: ReplicaState;
  /** The number of its last drift report; 0 without one. */
  reportNumber: bigint;
  lastDrift: DriftReport | undefined;
  /** Volatile: the newest subscription of this generation; 0 when there is none in this epoch. */
  subscriptionId: bigint;
  /** Volatile: as its last Ack in this epoch said; 0 before. */
  appliedSeq: bigint;
  /** Volatile: the same. */
  verifiedSeq: bigint;
  /** Volatile: until when, inclusive, it counts as alive without another Ack, monotonic. */
  leaseUntilMs: number;
}

/** A snapshot that is being read, or was broken off and may be resumed. */
export interface SnapshotHold {
  readonly id: bigint;
  /** The replica that reads; empty: a reader. */
  readonly replica: string;
  /** Where its tail begins. */
  readonly low: Position;
  /** Until when it keeps the log behind low, monotonic. */
  untilMs: number;
  /** Until when it may keep the log at all, monotonic. */
  readonly notAfterMs: number;
}

/** A named table with its log. */
export interface Dataset {
  readonly name: string;
  readonly id: bigint;
  /** 16 random bytes. */
  readonly salt: Uint8Array;
  readonly createdEpoch: bigint;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
  /** As it was given. */
  policy: DatasetPolicy;
  /** What is in force under the policy. */
  settings: PolicySettings;
  policyVersion: bigint;
  head: Position;
  /** Changes up to here are not kept any more. */
  floor: Position;
  /** Idempotency keys of changes up to this one are not remembered any more. */
  droppedSeq: bigint;
  /** What keys and values of all live rows take. */
  bytes: bigint;
  checkpoint: Checkpoint | undefined;
  digest: DigestAccumulator;
  readonly hasher: DigestHasher;
  readonly batchHasher: BatchHasher;
  readonly replicas: Map<string, ReplicaRecord>;
  /** Volatile, oldest first. */
  readonly holds: Map<bigint, SnapshotHold>;
  /** Volatile. */
  readonly waits: ReplicationWaits;
  /** Volatile. */
  readonly headTimes: HeadTimes;
  /** Volatile: when the first change since the last checkpoint was decided; undefined without one. */
  uncheckedSinceMs: number | undefined;
  /** Volatile: the reminder of the next checkpoint; infinite when there is none. */
  checkpointReminderMs: number;
  /** Volatile: the reminder of a replica whose lease may be over; infinite when there is none. */
  leaseReminderMs: number;
}

/** A dataset with nothing in it. */
export function newDataset(
  {
    policy,
    ...fixed
  }: Pick<Dataset, "name" | "id" | "salt" | "createdEpoch" | "createdAtMs" | "policy">,
  sha256: Sha256,
): Dataset {
  const { name, salt } = fixed;
  const hasher = new DigestHasher({ salt, dataset: name, partition: name }, sha256);
  const start: Position = { seq: 0n, logHash: hasher.firstLogHash(fixed.createdEpoch) };
  return {
    ...fixed,
    policy,
    settings: settingsOf(policy),
    policyVersion: 1n,
    head: start,
    floor: start,
    droppedSeq: 0n,
    bytes: 0n,
    checkpoint: undefined,
    digest: new DigestAccumulator(sha256),
    hasher,
    batchHasher: new BatchHasher(hasher),
    replicas: new Map(),
    holds: new Map(),
    waits: new ReplicationWaits(),
    headTimes: new HeadTimes(),
    uncheckedSinceMs: undefined,
    checkpointReminderMs: Number.POSITIVE_INFINITY,
    leaseReminderMs: Number.POSITIVE_INFINITY,
  };
}

/** A generation that has said nothing yet. */
export function newReplica(
  fixed: Pick<
    ReplicaRecord,
    "name" | "generation" | "instance" | "description" | "principal" | "registeredAtMs"
  >,
): ReplicaRecord {
  return {
    ...fixed,
    state: ReplicaState.UNSPECIFIED,
    reportNumber: 0n,
    lastDrift: undefined,
    subscriptionId: 0n,
    appliedSeq: 0n,
    verifiedSeq: 0n,
    leaseUntilMs: Number.NEGATIVE_INFINITY,
  };
}
