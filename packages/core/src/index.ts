export { apply } from "./apply/apply.ts";
export { InvariantError } from "./apply/invariant.ts";
export type { Facts } from "./decide/decision.ts";
export type { Now, Op, OpKind, Reply, SessionCaller } from "./op.ts";
export { limitExceeded, Refusal, RefusalCode, sessionEnded } from "./refusal.ts";
export { deniedAs } from "./state/denied.ts";
export { NamespaceState } from "./state/state.ts";
export { type EpochStartedEvent, epochStarted, type Step, startEpoch, step, tick } from "./step.ts";
export { deniedReply, grantedReply } from "./view/acquire.ts";
