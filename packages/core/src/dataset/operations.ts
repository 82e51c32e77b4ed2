import type {
  AckRequest,
  AckResponse,
  AppendRequest,
  AppendResponse,
  CreateDatasetRequest,
  CreateDatasetResponse,
  DeleteDatasetRequest,
  DeleteDatasetResponse,
  DescribeDatasetRequest,
  DescribeDatasetResponse,
  FetchEntriesRequest,
  FetchEntriesResponse,
  GetDigestNodesRequest,
  GetDigestNodesResponse,
  GetRequest,
  GetResponse,
  ListBucketRequest,
  ListBucketResponse,
  ListDatasetsRequest,
  ListDatasetsResponse,
  ListReplicasRequest,
  ListReplicasResponse,
  LogPosition,
  RegisterReplicaRequest,
  RegisterReplicaResponse,
  ReplyHeader,
  ReportDriftRequest,
  ReportDriftResponse,
  ScanRequest,
  ScanResponse,
  ScrubDatasetRequest,
  ScrubDatasetResponse,
  SubscribeRequest,
  SubscribeResponse,
  UnregisterReplicaRequest,
  UnregisterReplicaResponse,
  UpdateDatasetRequest,
  UpdateDatasetResponse,
  WaitForReplicationRequest,
  WaitForReplicationResponse,
} from "@lockstep/protocol";

/** What an operation answers that only the server asks of itself. */
export interface InternalReply {
  header?: ReplyHeader;
}

/** What each operation on datasets takes and gives. Requests are the protocol's own; bounds have been checked. */
export interface DatasetOperations {
  createDataset: {
    /** `salt`: 16 random bytes, used when the dataset is new. */
    op: { principal: string; salt: Uint8Array; request: CreateDatasetRequest };
    reply: CreateDatasetResponse;
  };
  updateDataset: {
    op: { principal: string; request: UpdateDatasetRequest };
    reply: UpdateDatasetResponse;
  };
  deleteDataset: {
    op: { principal: string; request: DeleteDatasetRequest };
    reply: DeleteDatasetResponse;
  };
  listDatasets: { op: { request: ListDatasetsRequest }; reply: ListDatasetsResponse };
  /** Without `scrub`, which who asks fills in. */
  describeDataset: { op: { request: DescribeDatasetRequest }; reply: DescribeDatasetResponse };
  registerReplica: {
    op: { principal: string; request: RegisterReplicaRequest };
    reply: RegisterReplicaResponse;
  };
  unregisterReplica: {
    op: { principal: string; request: UnregisterReplicaRequest };
    reply: UnregisterReplicaResponse;
  };
  listReplicas: { op: { request: ListReplicasRequest }; reply: ListReplicasResponse };
  /** Names rows: every key, and every idempotency key. */
  append: { op: { principal: string; request: AppendRequest }; reply: AppendResponse };
  waitForReplication: {
    op: { request: WaitForReplicationRequest };
    reply: WaitForReplicationResponse;
  };
  ack: { op: { request: AckRequest }; reply: AckResponse };
  /** Names the position of the cursor. The reply is `started`; a snapshot holds the log from here on. */
  beginSubscription: { op: { request: SubscribeRequest }; reply: SubscribeResponse };
  /** A chunk of a snapshot was read: it holds the log for another lease. Refused COMPACTED when it does not any more. */
  renewSnapshot: {
    op: { datasetId: bigint; snapshotId: bigint };
    reply: InternalReply;
  };
  /** All chunks were read: the reply is `snapshotEnd`, as of the head. The snapshot holds the log no more. */
  endSnapshot: {
    op: { datasetId: bigint; snapshotId: bigint };
    reply: SubscribeResponse;
  };
  getRow: { op: { request: GetRequest }; reply: GetResponse };
  scanRows: { op: { request: ScanRequest }; reply: ScanResponse };
  digestNodes: { op: { request: GetDigestNodesRequest }; reply: GetDigestNodesResponse };
  /** Names all rows of the buckets, with values: the server looks at its own rows first. */
  listBucket: { op: { request: ListBucketRequest }; reply: ListBucketResponse };
  fetchEntries: { op: { request: FetchEntriesRequest }; reply: FetchEntriesResponse };
  reportDrift: {
    op: { principal: string; request: ReportDriftRequest };
    reply: ReportDriftResponse;
  };
  /** Names all rows of the buckets, with values. */
  scrubDataset: { op: { request: ScrubDatasetRequest }; reply: ScrubDatasetResponse };
  /** Drops what the policy does not keep, as far as no snapshot holds it. */
  trimLog: {
    op: { datasetId: bigint; unwanted: UnwantedChanges };
    reply: InternalReply;
  };
}

/** What the journal's tables have that the dataset's policy does not keep any more. */
export interface UnwantedChanges {
  /** Where the log may begin: a checkpoint; undefined when nothing has to go. */
  readonly floor: LogPosition | undefined;
  /** Idempotency keys of changes up to this one are old enough. */
  readonly droppedSeq: bigint;
}
