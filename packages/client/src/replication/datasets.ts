import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  AppendRequestSchema,
  type AppendResponse,
  type CreateDatasetRequestSchema,
  type CreateDatasetResponse,
  type DeleteDatasetRequestSchema,
  type DeleteDatasetResponse,
  type DescribeDatasetResponse,
  type GetRequestSchema,
  type GetResponse,
  type ListDatasetsRequestSchema,
  type ListDatasetsResponse,
  type ListReplicasRequestSchema,
  type ListReplicasResponse,
  ReplicationService,
  type ScanRequestSchema,
  type ScanResponse,
  type ScrubDatasetRequestSchema,
  type ScrubDatasetResponse,
  type UpdateDatasetRequestSchema,
  type UpdateDatasetResponse,
  type WaitForReplicationRequestSchema,
  type WaitForReplicationResponse,
} from "@lockstep/protocol";
import { appendSizeAtMost, FRAME_BYTES_MAX } from "../attach/frames.ts";
import { checkedMs } from "../options.ts";
import { type AppendParts, appendUntilKnown } from "./append.ts";
import { checkAppend } from "./check-append.ts";
import type { DatasetCallOptions, Fields } from "./fields.ts";
import type { DatasetItems } from "./items.ts";

// What the protocol takes when a request names no time.
const REPLICATION_TIMEOUT_MS_DEFAULT = 10_000;
const MAX_TIMEOUT_MS = 3_600_000;

/** What the calls about datasets need of their client. */
export interface DatasetsParts extends AppendParts {
  readonly namespace: string;
  readonly items: DatasetItems;
  readonly controlTransport: Transport;
  readonly bulkTransport: Transport;
}

/**
 * Datasets of the client's namespace. Each call takes the protocol's own fields and answers with its message, which
 * describes it; rejects with RequestError when refused, with ServerUnreachableError when there is no answer. Each is
 * made once, apart from `append`.
 */
export class Datasets {
  readonly #parts: DatasetsParts;
  readonly #control: Client<typeof ReplicationService>;
  readonly #bulk: Client<typeof ReplicationService>;

  constructor(parts: DatasetsParts) {
    this.#parts = parts;
    this.#control = createClient(ReplicationService, parts.controlTransport);
    this.#bulk = createClient(ReplicationService, parts.bulkTransport);
  }

  /** Makes a dataset; one with the same policy is answered as done. */
  create(
    request: Fields<typeof CreateDatasetRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<CreateDatasetResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) =>
      this.#control.createDataset({ ...request, namespace }, { signal }),
    );
  }

  /** Changes the policy of a dataset. */
  update(
    request: Fields<typeof UpdateDatasetRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<UpdateDatasetResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) =>
      this.#control.updateDataset({ ...request, namespace }, { signal }),
    );
  }

  /** Ends a dataset, with its rows, its log and its replicas. */
  delete(
    request: Fields<typeof DeleteDatasetRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<DeleteDatasetResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) =>
      this.#control.deleteDataset({ ...request, namespace }, { signal }),
    );
  }

  /** A page of datasets, by name. */
  list(
    request: Fields<typeof ListDatasetsRequestSchema> = {},
    options: DatasetCallOptions = {},
  ): Promise<ListDatasetsResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) =>
      this.#control.listDatasets({ ...request, namespace }, { signal }),
    );
  }

  /** All about a dataset. */
  describe(dataset: string, options: DatasetCallOptions = {}): Promise<DescribeDatasetResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) =>
      this.#control.describeDataset({ namespace, dataset }, { signal }),
    );
  }

  /**
   * Writes a batch of changes: all of them or none. When the answer is lost it is repeated, if every change has an
   * idempotency key. While the client has a session, it rides on the session's stream with all others of its tick.
   * @throws RequestError when it did not happen; AppendOutcomeUnknownError when nobody can tell; RangeError for a time
   * or a number out of its bounds; TypeError for a field of another type
   */
  async append(
    request: Fields<typeof AppendRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<AppendResponse> {
    const { namespace, items } = this.#parts;
    const timeoutMs = this.#timeoutMs(request, options);
    const message = create(AppendRequestSchema, { ...request, namespace });
    checkAppend(message);
    const bytes = appendSizeAtMost(message);
    const service = bytes > FRAME_BYTES_MAX ? this.#bulk : this.#control;
    return await appendUntilKnown({ ...this.#parts, timeoutMs }, request, options, (signal) => {
      const item = { bytes, signal, timeoutMs };
      return items.send("append", message, item) ?? service.append(message, { signal });
    });
  }

  /** Waits until a change has come as far as it must. */
  async waitForReplication(
    request: Fields<typeof WaitForReplicationRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<WaitForReplicationResponse> {
    const { caller, namespace } = this.#parts;
    const timeoutMs = this.#timeoutMs(request, options);
    return await caller.call({ ...options, timeoutMs }, (signal) =>
      this.#control.waitForReplication({ ...request, namespace }, { signal }),
    );
  }

  /** Reads one row at the server. */
  get(
    request: Fields<typeof GetRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<GetResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) =>
      this.#control.get({ ...request, namespace }, { signal }),
    );
  }

  /** Reads a page of rows at the server, by key. */
  scan(
    request: Fields<typeof ScanRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<ScanResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) => this.#bulk.scan({ ...request, namespace }, { signal }));
  }

  /** A page of replicas, and how far they are. */
  listReplicas(
    request: Fields<typeof ListReplicasRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<ListReplicasResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) =>
      this.#control.listReplicas({ ...request, namespace }, { signal }),
    );
  }

  /** Has the server look at some of its own rows. */
  scrub(
    request: Fields<typeof ScrubDatasetRequestSchema>,
    options: DatasetCallOptions = {},
  ): Promise<ScrubDatasetResponse> {
    const { caller, namespace } = this.#parts;
    return caller.call(options, (signal) =>
      this.#bulk.scrubDataset({ ...request, namespace }, { signal }),
    );
  }

  /** The time that a call has: what was asked for, or the client's and what the server may wait for replicas. */
  #timeoutMs(
    { replicationTimeoutMs = 0n }: { readonly replicationTimeoutMs?: bigint | undefined },
    { timeoutMs }: DatasetCallOptions,
  ): number {
    if (timeoutMs !== undefined) return checkedMs("timeoutMs", timeoutMs, 1, MAX_TIMEOUT_MS);
    return this.#parts.timeoutMs + (Number(replicationTimeoutMs) || REPLICATION_TIMEOUT_MS_DEFAULT);
  }
}
