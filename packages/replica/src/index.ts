export type { AppliedChange, Apply, Cause } from "./apply/applied-change.ts";
export type { DriftAction, DriftFinding, DriftFound, DriftKind } from "./drift/found.ts";
export {
  NotReadableError,
  PoisonChangeError,
  ReplicaClosedError,
  ReplicaError,
  ReplicaSupersededError,
  StaleReadError,
  StoreError,
  UnknownChangeError,
} from "./errors.ts";
export type { ReplicaEvent, State, Verdict } from "./events.ts";
export type { ReplicateOptions } from "./options.ts";
export type { BreakerState } from "./poison/breaker.ts";
export type { Freshness, ReadOptions, ReadPosition, ScanOptions } from "./read/reads.ts";
export { type CheckOptions, type CheckResult, type Replica, replicate } from "./replicate.ts";
export type { Bucket, DatasetIdentity, Position, Row, StoredRow } from "./rows.ts";
export type { ReplicaStatus } from "./status.ts";
export { MemoryStore, type MemoryStoreHooks } from "./store/memory.ts";
export type { MemoryUser } from "./store/memory-tx.ts";
export type {
  DeadLetter,
  Difference,
  Loaded,
  NewDeadLetter,
  Progress,
  ReadRow,
  ReadRows,
  StagedHigh,
  StagedProgress,
  Store,
  StoreTx,
  TableTx,
} from "./store/store.ts";
export type { ScrubStatus } from "./verify/scrubber.ts";
