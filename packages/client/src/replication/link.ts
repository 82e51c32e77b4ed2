import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  AckRequestSchema,
  type AckResponse,
  type DescribeDatasetResponse,
  type FetchEntriesRequestSchema,
  type FetchEntriesResponse,
  type GetDigestNodesRequestSchema,
  type GetDigestNodesResponse,
  type GetRequestSchema,
  type GetResponse,
  type ListBucketRequestSchema,
  type ListBucketResponse,
  type ListReplicasRequestSchema,
  type ListReplicasResponse,
  type RegisterReplicaRequestSchema,
  type RegisterReplicaResponse,
  ReplicationService,
  type ReportDriftRequestSchema,
  type ReportDriftResponse,
  type SubscribeRequestSchema,
  type SubscribeResponse,
  type UnregisterReplicaRequestSchema,
  type UnregisterReplicaResponse,
} from "@lockstep/protocol";
import type { Caller } from "../calls/caller.ts";
import type { DatasetCallOptions, Fields } from "./fields.ts";
import type { DatasetItems } from "./items.ts";
import { type SubscribeParts, subscribeTo } from "./subscribe.ts";

/**
 * All that a replica asks of its server. Each call is made once; it rejects with RequestError when refused, with
 * ServerUnreachableError when there is no answer, or one of a server that has been replaced since.
 */
export interface ReplicationLink {
  /** The namespace that all calls are about. */
  readonly namespace: string;
  describe(dataset: string, options?: DatasetCallOptions): Promise<DescribeDatasetResponse>;
  listReplicas(
    request: Fields<typeof ListReplicasRequestSchema>,
    options?: DatasetCallOptions,
  ): Promise<ListReplicasResponse>;
  register(
    request: Fields<typeof RegisterReplicaRequestSchema>,
    options?: DatasetCallOptions,
  ): Promise<RegisterReplicaResponse>;
  unregister(
    request: Fields<typeof UnregisterReplicaRequestSchema>,
    options?: DatasetCallOptions,
  ): Promise<UnregisterReplicaResponse>;
  /** The parts of one subscription. Ends when it is cut; nothing is repeated inside. Aborting the signal ends it without an error. */
  subscribe(
    request: Fields<typeof SubscribeRequestSchema>,
    signal: AbortSignal,
  ): AsyncIterable<SubscribeResponse>;
  ack(request: Fields<typeof AckRequestSchema>, options?: DatasetCallOptions): Promise<AckResponse>;
  digestNodes(
    request: Fields<typeof GetDigestNodesRequestSchema>,
    options?: DatasetCallOptions,
  ): Promise<GetDigestNodesResponse>;
  listBucket(
    request: Fields<typeof ListBucketRequestSchema>,
    options?: DatasetCallOptions,
  ): Promise<ListBucketResponse>;
  fetchEntries(
    request: Fields<typeof FetchEntriesRequestSchema>,
    options?: DatasetCallOptions,
  ): Promise<FetchEntriesResponse>;
  reportDrift(
    request: Fields<typeof ReportDriftRequestSchema>,
    options?: DatasetCallOptions,
  ): Promise<ReportDriftResponse>;
  get(request: Fields<typeof GetRequestSchema>, options?: DatasetCallOptions): Promise<GetResponse>;
}

/** What a link needs of its client. */
export interface LinkParts extends SubscribeParts {
  readonly caller: Caller;
  readonly items: DatasetItems;
  /** For acks and other short calls, which must not queue behind rows. */
  readonly controlTransport: Transport;
}

// More than an ack takes but for a dataset or a replica of an unusual name.
const ACK_BYTES = 256;
// The server answers an ack at once, or its journal stands still.
const ACK_TIMEOUT_MS = 10_000;

/** The link over a client's transports: short calls on the control connection, everything large on that for bulk. */
export function replicationLink(parts: LinkParts): ReplicationLink {
  const { caller, namespace } = parts;
  const control = createClient(ReplicationService, parts.controlTransport);
  const bulk = createClient(ReplicationService, parts.bulkTransport);
  return {
    namespace,
    describe: (dataset, options = {}) =>
      caller.call(options, (signal) => control.describeDataset({ namespace, dataset }, { signal })),
    listReplicas: (request, options = {}) =>
      caller.call(options, (signal) => control.listReplicas({ ...request, namespace }, { signal })),
    register: (request, options = {}) =>
      caller.call(options, (signal) =>
        control.registerReplica({ ...request, namespace }, { signal }),
      ),
    unregister: (request, options = {}) =>
      caller.call(options, (signal) =>
        control.unregisterReplica({ ...request, namespace }, { signal }),
      ),
    subscribe: (request, signal) => subscribeTo(parts, request, signal),
    ack: (request, options = {}) =>
      caller.call(options, (signal) => {
        const message = create(AckRequestSchema, { ...request, namespace });
        const item = { bytes: ACK_BYTES, signal, timeoutMs: ACK_TIMEOUT_MS };
        return parts.items.send("ack", message, item) ?? control.ack(message, { signal });
      }),
    digestNodes: (request, options = {}) =>
      caller.call(options, (signal) => bulk.getDigestNodes({ ...request, namespace }, { signal })),
    listBucket: (request, options = {}) =>
      caller.call(options, (signal) => bulk.listBucket({ ...request, namespace }, { signal })),
    fetchEntries: (request, options = {}) =>
      caller.call(options, (signal) => bulk.fetchEntries({ ...request, namespace }, { signal })),
    reportDrift: (request, options = {}) =>
      caller.call(options, (signal) => control.reportDrift({ ...request, namespace }, { signal })),
    get: (request, options = {}) =>
      caller.call(options, (signal) => control.get({ ...request, namespace }, { signal })),
  };
}
