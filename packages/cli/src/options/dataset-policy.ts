import { clone, create } from "@bufbuild/protobuf";
import {
  AppendDurabilitySchema,
  type DatasetPolicy,
  DatasetPolicySchema,
} from "@lockstep/protocol";
import type { Command } from "commander";
import { parseCount } from "./parse.ts";
import {
  type GivenDurability,
  parseAmount,
  parseDurability,
  parseLongDurationMs,
} from "./parse-dataset.ts";

/** A policy as its flags say it; what is not given is absent. */
export interface DatasetPolicyOptions {
  readonly durability?: GivenDurability;
  readonly minInSync?: number;
  readonly maxSyncLag?: bigint;
  readonly retentionChanges?: bigint;
  readonly retention?: bigint;
  readonly idempotencyRetention?: bigint;
  readonly maxStaleness?: bigint;
  readonly fenceKey?: string;
  readonly fenceRequired?: boolean;
  readonly maxBytes?: bigint;
  readonly checkpointChanges?: number;
  readonly checkpointInterval?: bigint;
  readonly snapshotHold?: bigint;
  /** Names of flags to take back to their defaults. */
  readonly unset?: readonly string[];
}

/** Which field of the policy each flag sets. */
const FIELDS = {
  durability: "defaultDurability",
  "min-in-sync": "minInSync",
  "max-sync-lag": "maxSyncLagMs",
  "retention-changes": "retentionChanges",
  retention: "retentionMs",
  "idempotency-retention": "idempotencyRetentionMs",
  "max-staleness": "maxStalenessMs",
  "fence-key": "fenceKey",
  "fence-required": "fenceRequired",
  "max-bytes": "maxBytes",
  "checkpoint-changes": "checkpointChanges",
  "checkpoint-interval": "checkpointIntervalMs",
  "snapshot-hold": "snapshotHoldMs",
} as const;

/** The name of a flag that sets something of a policy. */
export type PolicyFlag = keyof typeof FIELDS;

/** The names of the flags, in the order of the help. */
export const POLICY_FLAGS = Object.keys(FIELDS) as readonly PolicyFlag[];

/** Gives a command the flags of a dataset's policy. */
export function withDatasetPolicyOptions(command: Command): Command {
  const mode = "how far an append must have come that does not say: local, quorum:COUNT or";
  return command
    .option("--durability <MODE>", `${mode} all-in-sync (default local)`, parseDurability)
    .option(
      "--min-in-sync <COUNT>",
      "replicas in sync without which quorum and all-in-sync are refused (default none)",
      parseCount,
    )
    .option("--max-sync-lag <DURATION>", "how old an in-sync replica may be", parseLongDurationMs)
    .option("--retention-changes <COUNT>", "keep at most so many changes", parseAmount)
    .option("--retention <DURATION>", "keep no changes older than this", parseLongDurationMs)
    .option(
      "--idempotency-retention <DURATION>",
      "remember idempotency keys at least so long",
      parseLongDurationMs,
    )
    .option(
      "--max-staleness <DURATION>",
      "how old a BOUNDED read may be that does not say",
      parseLongDurationMs,
    )
    .option("--fence-key <KEY>", "the lock whose holder may append")
    .option("--fence-required", "every append must show that lock")
    .option("--max-bytes <BYTES>", "the most that keys and values may take", parseAmount)
    .option("--checkpoint-changes <COUNT>", "make a checkpoint after so many changes", parseCount)
    .option(
      "--checkpoint-interval <DURATION>",
      "… or so long after the first change since",
      parseLongDurationMs,
    )
    .option(
      "--snapshot-hold <DURATION>",
      "how long a snapshot may keep the log from being dropped",
      parseLongDurationMs,
    );
}

/** Whether any of its flags is given. */
export function isPolicyGiven(options: DatasetPolicyOptions): boolean {
  return Object.keys(givenOf(options)).length > 0 || (options.unset ?? []).length > 0;
}

/** The policy that is wanted: what is given, and of the present one what is not given and not unset. */
export function policyOf(options: DatasetPolicyOptions, present?: DatasetPolicy): DatasetPolicy {
  const defaults = create(DatasetPolicySchema);
  const policy = present === undefined ? defaults : clone(DatasetPolicySchema, present);
  const unset = (options.unset ?? []).map((flag) => FIELDS[flag as PolicyFlag]);
  const back = Object.fromEntries(unset.map((field) => [field, defaults[field]]));
  return Object.assign(policy, back, givenOf(options));
}

function givenOf(options: DatasetPolicyOptions): Partial<DatasetPolicy> {
  const { durability } = options;
  const fields = {
    defaultDurability: durability && create(AppendDurabilitySchema, durability),
    minInSync: options.minInSync,
    maxSyncLagMs: options.maxSyncLag,
    retentionChanges: options.retentionChanges,
    retentionMs: options.retention,
    idempotencyRetentionMs: options.idempotencyRetention,
    maxStalenessMs: options.maxStaleness,
    fenceKey: options.fenceKey,
    fenceRequired: options.fenceRequired,
    maxBytes: options.maxBytes,
    checkpointChanges: options.checkpointChanges,
    checkpointIntervalMs: options.checkpointInterval,
    snapshotHoldMs: options.snapshotHold,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}
