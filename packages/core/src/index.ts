export { apply } from "./apply/apply.ts";
export { InvariantError } from "./apply/invariant.ts";
export type { Dataset, ReplicaRecord } from "./dataset/dataset.ts";
export type { InternalReply, UnwantedChanges } from "./dataset/operations.ts";
export type { PolicySettings } from "./dataset/policy-settings.ts";
export type { Position } from "./dataset/position.ts";
export { compacted, datasetUnknown } from "./dataset/refusals.ts";
export type { SettledWait } from "./dataset/replication-waits.ts";
export type {
  IdempotencyRecord,
  RowFacts,
  RowHead,
  RowPage,
  RowWrite,
  StoredDamage,
  StoredRow,
} from "./dataset/rows.ts";
export { rowsOf } from "./dataset/rows-of.ts";
export { lowestHeld } from "./dataset/snapshot-holds.ts";
export { verifyRoots } from "./dataset/verify-roots.ts";
export type { Facts } from "./decide/decision.ts";
export { type EpochStartedEvent, epochStarted, startEpoch } from "./epoch.ts";
export type { Now, Op, OpKind, Reply, SessionCaller } from "./op.ts";
export { limitExceeded, Refusal, RefusalCode, sessionEnded, storageLow } from "./refusal.ts";
export { decodeSnapshot } from "./snapshot/decode.ts";
export { stateDigest } from "./snapshot/digest.ts";
export { encodeSnapshot } from "./snapshot/encode.ts";
export { SnapshotError, type SnapshotProblem } from "./snapshot/snapshot-error.ts";
export { deniedAs } from "./state/denied.ts";
export { NamespaceState } from "./state/state.ts";
export { type Step, step, tick } from "./step.ts";
