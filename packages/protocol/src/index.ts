export { type ChurnKey, ChurnMap } from "./collections/churn-map.ts";
export { childrenOf, DigestAccumulator } from "./digest/accumulator.ts";
export {
  BatchHasher,
  type ContentHashes,
  type LoggedHashes,
} from "./digest/batch-hasher.ts";
export { BUCKETS, type BucketState, FAN_OUT } from "./digest/buckets.ts";
export { DigestError } from "./digest/digest-error.ts";
export {
  bucketOf,
  DigestHasher,
  type DigestScope,
  type HashedChange,
} from "./digest/hasher.ts";
export { portableSha256, type Sha256, sha256FromBinaryString } from "./digest/sha256.ts";
export { LEAF_LEVEL } from "./digest/tree.ts";
export { errorDetailOf, refusal } from "./errors.ts";
export { FenceGuard, formatSequencer, parseSequencer, type Sequencer } from "./fence.ts";
export {
  type Envelope,
  EnvelopeReader,
  EnvelopeTooLargeError,
  enveloped,
} from "./framing/envelope.ts";
export { FrameQueue } from "./framing/frame-queue.ts";
export { ProtoReader, UnreadError } from "./framing/proto-reader.ts";
export { ProtoWriter } from "./framing/proto-writer.ts";
export * from "./gen/lockstep/storage/v1/snapshot_pb.ts";
export * from "./gen/lockstep/testing/v1/clock_service_pb.ts";
export * from "./gen/lockstep/v1/admin_pb.ts";
export * from "./gen/lockstep/v1/admin_service_pb.ts";
export * from "./gen/lockstep/v1/append_pb.ts";
export * from "./gen/lockstep/v1/attach_pb.ts";
export * from "./gen/lockstep/v1/common_pb.ts";
export * from "./gen/lockstep/v1/dataset_event_pb.ts";
export * from "./gen/lockstep/v1/dataset_pb.ts";
export * from "./gen/lockstep/v1/drift_pb.ts";
export * from "./gen/lockstep/v1/errors_pb.ts";
export * from "./gen/lockstep/v1/event_pb.ts";
export * from "./gen/lockstep/v1/hold_pb.ts";
export * from "./gen/lockstep/v1/lock_pb.ts";
export * from "./gen/lockstep/v1/lock_service_pb.ts";
export * from "./gen/lockstep/v1/read_pb.ts";
export * from "./gen/lockstep/v1/replica_pb.ts";
export * from "./gen/lockstep/v1/replication_service_pb.ts";
export * from "./gen/lockstep/v1/server_service_pb.ts";
export * from "./gen/lockstep/v1/session_pb.ts";
export * from "./gen/lockstep/v1/session_service_pb.ts";
export * from "./gen/lockstep/v1/subscribe_pb.ts";
export { DEFAULT_LIMITS, type Limits } from "./limits.ts";
export { compareNames, nameProblem, textProblem, utf8Length } from "./names.ts";
