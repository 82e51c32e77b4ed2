import { type AppendDurability, type DatasetPolicy, ReplicationMode } from "@lockstep/protocol";

/** How far an append must have come before it is answered. */
export interface Durability {
  readonly mode: Exclude<ReplicationMode, ReplicationMode.UNSPECIFIED>;
  /** At how many replicas; of QUORUM alone. */
  readonly replicas: number;
}

/** A policy with everything that was left out filled in. The fields are those of `DatasetPolicy`. */
export interface PolicySettings {
  readonly defaultDurability: Durability;
  readonly minInSync: number;
  readonly maxSyncLagMs: number;
  readonly retentionChanges: bigint;
  readonly retentionMs: number;
  readonly idempotencyRetentionMs: number;
  readonly maxStalenessMs: number;
  /** The lock whose holder may append; empty: no lock. */
  readonly fenceKey: string;
  readonly fenceRequired: boolean;
  /** 0 sets no bound. */
  readonly maxBytes: bigint;
  readonly checkpointChanges: number;
  readonly checkpointIntervalMs: number;
  readonly snapshotHoldMs: number;
}

const SEVEN_DAYS_MS = 604_800_000n;
const LOCAL: Durability = { mode: ReplicationMode.LOCAL, replicas: 0 };

/** What is in force under a policy; the one place that knows the defaults. */
export function settingsOf(policy: DatasetPolicy): PolicySettings {
  return {
    defaultDurability: durabilityOf(policy.defaultDurability, LOCAL),
    minInSync: policy.minInSync,
    maxSyncLagMs: Number(policy.maxSyncLagMs || 10_000n),
    retentionChanges: policy.retentionChanges || 1_000_000n,
    retentionMs: Number(policy.retentionMs || SEVEN_DAYS_MS),
    idempotencyRetentionMs: Number(policy.idempotencyRetentionMs || SEVEN_DAYS_MS),
    maxStalenessMs: Number(policy.maxStalenessMs || 10_000n),
    fenceKey: policy.fenceKey,
    fenceRequired: policy.fenceRequired,
    maxBytes: policy.maxBytes,
    checkpointChanges: policy.checkpointChanges || 10_000,
    checkpointIntervalMs: Number(policy.checkpointIntervalMs || 5_000n),
    snapshotHoldMs: Number(policy.snapshotHoldMs || 3_600_000n),
  };
}

/** The durability that was asked for; what was left out is the default's. */
export function durabilityOf(
  asked: AppendDurability | undefined,
  byDefault: Durability,
): Durability {
  if (asked === undefined || asked.mode === ReplicationMode.UNSPECIFIED) return byDefault;
  return { mode: asked.mode, replicas: asked.replicas };
}
