export type {
  Admin,
  AdminOptions,
  ClearQuarantineOptions,
  CreateNamespaceOptions,
  ForceReleaseOptions,
  SetPolicyOptions,
  UpdateNamespaceOptions,
} from "./admin.ts";
export type { OpenAttach } from "./attach/open-attach.ts";
export type { CallOptions } from "./calls/caller.ts";
export { type Client, createClient } from "./client.ts";
export type { CampaignOptions, Leader, Leadership } from "./election.ts";
export {
  AppendOutcomeUnknownError,
  ClientClosedError,
  LockLostError,
  LockModeError,
  LockReleasedError,
  LockstepError,
  type LossReason,
  NotGrantedError,
  type NotGrantedReason,
  RequestError,
  ServerUnreachableError,
  SessionLostError,
} from "./errors.ts";
export type {
  ConvertOptions,
  HeldAs,
  HeldTarget,
  Lock,
  LockState,
  Loss,
  ReleaseRequested,
  RequestRef,
} from "./lock/lock.ts";
export type { LockModeName } from "./lock/modes.ts";
export type { AcquireOptions, LockTargetOptions, LockTargets } from "./lock/wish.ts";
export type { ClientOptions, SessionOptions } from "./options.ts";
export { type Clock, systemClock, type Timer } from "./ports/clock.ts";
export { type Random, systemRandom } from "./ports/random.ts";
export type { EventSelection, PageOptions, RequestReleaseOptions } from "./reads.ts";
export type { Datasets } from "./replication/datasets.ts";
export type { DatasetCallOptions, Fields } from "./replication/fields.ts";
export type { ReplicationLink } from "./replication/link.ts";
export type { WatchOptions } from "./watch.ts";
