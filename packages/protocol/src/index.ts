export { type ChurnKey, ChurnMap } from "./collections/churn-map.ts";
export { errorDetailOf, refusal } from "./errors.ts";
export { FenceGuard, formatSequencer, parseSequencer, type Sequencer } from "./fence.ts";
export {
  type Envelope,
  EnvelopeReader,
  EnvelopeTooLargeError,
  enveloped,
} from "./framing/envelope.ts";
export { FrameQueue } from "./framing/frame-queue.ts";
export * from "./gen/lockstep/storage/v1/snapshot_pb.ts";
export * from "./gen/lockstep/testing/v1/clock_service_pb.ts";
export * from "./gen/lockstep/v1/admin_pb.ts";
export * from "./gen/lockstep/v1/admin_service_pb.ts";
export * from "./gen/lockstep/v1/attach_pb.ts";
export * from "./gen/lockstep/v1/common_pb.ts";
export * from "./gen/lockstep/v1/errors_pb.ts";
export * from "./gen/lockstep/v1/event_pb.ts";
export * from "./gen/lockstep/v1/hold_pb.ts";
export * from "./gen/lockstep/v1/lock_pb.ts";
export * from "./gen/lockstep/v1/lock_service_pb.ts";
export * from "./gen/lockstep/v1/server_service_pb.ts";
export * from "./gen/lockstep/v1/session_pb.ts";
export * from "./gen/lockstep/v1/session_service_pb.ts";
export { DEFAULT_LIMITS, type Limits } from "./limits.ts";
export { compareNames, nameProblem, textProblem, utf8Length } from "./names.ts";
