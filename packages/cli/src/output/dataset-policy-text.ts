import { type AppendDurability, type DatasetPolicy, ReplicationMode } from "@lockstep/protocol";
import { nameIn } from "./name-in.ts";
import { durationText } from "./time.ts";

/** A dataset's policy as people read it: what it sets, by the names of the flags that set it. */
export function datasetPolicyText(policy: DatasetPolicy | undefined): string {
  if (policy === undefined) return "defaults";
  const duration = (name: string, ms: bigint) => ms > 0n && `${name} ${durationText(ms)}`;
  const number = (name: string, value: bigint | number) => value > 0 && `${name} ${value}`;
  const parts = [
    policy.defaultDurability && `durability ${durabilityText(policy.defaultDurability)}`,
    number("min-in-sync", policy.minInSync),
    duration("max-sync-lag", policy.maxSyncLagMs),
    number("retention-changes", policy.retentionChanges),
    duration("retention", policy.retentionMs),
    duration("idempotency-retention", policy.idempotencyRetentionMs),
    duration("max-staleness", policy.maxStalenessMs),
    policy.fenceKey !== "" && `fence-key ${policy.fenceKey}`,
    policy.fenceRequired && "fence-required",
    number("max-bytes", policy.maxBytes),
    number("checkpoint-changes", policy.checkpointChanges),
    duration("checkpoint-interval", policy.checkpointIntervalMs),
    duration("snapshot-hold", policy.snapshotHoldMs),
  ].filter((part) => part !== false && part !== undefined);
  return parts.join(", ") || "defaults";
}

function durabilityText({ mode, replicas }: AppendDurability): string {
  if (mode === ReplicationMode.QUORUM) return `quorum:${replicas}`;
  return nameIn(ReplicationMode, mode || ReplicationMode.LOCAL)
    .toLowerCase()
    .replaceAll("_", "-");
}
