export { type AcquireOptions, type Client, createClient } from "./client.ts";
export {
  ClientClosedError,
  LockLostError,
  LockReleasedError,
  LockstepError,
  type LossReason,
  NotGrantedError,
  type NotGrantedReason,
  RequestError,
  ServerUnreachableError,
  SessionLostError,
} from "./errors.ts";
export type { Lock, LockState, Loss } from "./lock/handle.ts";
export type { ClientOptions, SessionOptions } from "./options.ts";
export { type Clock, systemClock, type Timer } from "./ports/clock.ts";
export { type Random, systemRandom } from "./ports/random.ts";
export type { CallOptions, EventSelection, ForceReleaseOptions, PageOptions } from "./reads.ts";
export type { WatchOptions } from "./watch.ts";
