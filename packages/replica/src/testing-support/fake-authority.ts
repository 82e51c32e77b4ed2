import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type Clock,
  type ReplicationLink,
  RequestError,
  ServerUnreachableError,
} from "@lockstep/client";
import {
  AckResponseSchema,
  DescribeDatasetResponseSchema,
  FetchEntriesResponseSchema,
  GetDigestNodesResponseSchema,
  GetResponseSchema,
  ListBucketResponseSchema,
  ListReplicasResponseSchema,
  RegisterReplicaResponseSchema,
  ReplicaState,
  ReportDriftResponseSchema,
  type SubscribeResponse,
  UnregisterReplicaResponseSchema,
} from "@lockstep/protocol";
import { textOf } from "../rows.ts";
import { FakeLog, type Write } from "./fake-log.ts";
import { FakeSubscription } from "./fake-subscription.ts";

/** One call as it arrived. */
export interface Arrival {
  readonly call: keyof ReplicationLink;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every kind
  readonly request: any;
}

/** What happens to a call: it is lost, its reply is lost or kept back, or it is refused. */
export type Meddling = "loseRequest" | "loseReply" | Promise<unknown> | Error | undefined;

/** What happens to a part of a subscription: nothing, it is left out, it comes twice, the stream is cut before it. */
export type PartFault = "drop" | "twice" | "cut" | undefined;

/** A scripted server of one dataset in this process. It does what a test tells it, also to messages on their way. */
export class FakeAuthority {
  log: FakeLog = new FakeLog();
  readonly arrivals: Arrival[] = [];
  readonly clock: Clock;
  /** Decides what happens to each call. */
  meddle: (arrival: Arrival) => Meddling = () => undefined;
  /** Decides what happens to each part of a subscription; may change it. */
  spoil: (part: SubscribeResponse["part"]) => PartFault = () => undefined;
  /** Called before each chunk of a snapshot is read. */
  beforeChunk: (rowsSent: number) => void = () => {};
  chunkRows = 2;
  batchesPerMessage = 3;
  /** How many buckets, or entries, fit into an answer. */
  fitting = 1_000;
  /** False: nobody answers. */
  reachable = true;
  /** False: subscriptions say nothing. */
  talks = true;
  /** How many bytes all replies so far took. */
  replyBytes = 0;
  generation = 0n;
  instance = "";
  subscriptionId = 0n;
  acked = { seq: 0n, verifiedSeq: 0n, state: ReplicaState.UNSPECIFIED as ReplicaState };
  readonly snapshots = new Map<bigint, bigint>();
  readonly #streams = new Set<FakeSubscription>();
  #revision = 100n;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every kind
  requests(call: Arrival["call"]): any[] {
    return this.arrivals.filter((arrival) => arrival.call === call).map(({ request }) => request);
  }

  /** Something was appended, or changed otherwise: subscriptions go on. */
  wake(): void {
    for (const stream of this.#streams) stream.wake();
  }

  append(...writes: readonly Write[]): bigint {
    const seq = this.log.append(...writes);
    this.wake();
    return seq;
  }

  checkpoint() {
    const checkpoint = this.log.checkpoint();
    this.wake();
    return checkpoint;
  }

  /** Cuts every subscription as a lost connection does. */
  cut(): void {
    for (const stream of this.#streams) stream.cut();
  }

  nextRevision(): bigint {
    this.#revision += 1n;
    return this.#revision;
  }

  readonly link: ReplicationLink = {
    namespace: "default",
    describe: (dataset) =>
      this.#call("describe", { dataset }, DescribeDatasetResponseSchema, () => ({
        head: this.log.state(),
      })),
    listReplicas: (request) =>
      this.#call("listReplicas", request, ListReplicasResponseSchema, () => ({
        replicas: this.generation > 0n ? [{ replica: "copy", generation: this.generation }] : [],
      })),
    register: (request) =>
      this.#call("register", request, RegisterReplicaResponseSchema, () => this.#register(request)),
    unregister: (request) =>
      this.#call("unregister", request, UnregisterReplicaResponseSchema, () => ({})),
    subscribe: (request, signal) => {
      const stream = new FakeSubscription(this, request, signal);
      return stream.parts(
        () => this.#streams.add(stream),
        () => this.#streams.delete(stream),
      );
    },
    ack: (request) => this.#call("ack", request, AckResponseSchema, () => this.#ack(request)),
    digestNodes: (request) =>
      this.#call("digestNodes", request, GetDigestNodesResponseSchema, () => {
        const { level = 0, indices = [] } = request;
        const all = Array.from({ length: 16 ** level }, (_, index) => index);
        const nodes = this.log.digest.nodes(level, indices.length > 0 ? indices : all);
        return { asOf: this.log.head, nodes };
      }),
    listBucket: (request) =>
      this.#call("listBucket", request, ListBucketResponseSchema, () => ({
        asOf: this.log.head,
        buckets: (request.buckets ?? []).slice(0, this.fitting).map((bucket) => ({
          bucket,
          entries: [...this.log.rows.values()].filter((row) => row.bucket === bucket),
        })),
      })),
    fetchEntries: (request) =>
      this.#call("fetchEntries", request, FetchEntriesResponseSchema, () => ({
        asOf: this.log.head,
        entries: (request.keys ?? []).slice(0, this.fitting).map((key) => {
          const row = this.log.rows.get(textOf(key));
          return { key, ...(row && { row }) };
        }),
      })),
    reportDrift: (request) =>
      this.#call("reportDrift", request, ReportDriftResponseSchema, () => ({})),
    get: (request) => this.#call("get", request, GetResponseSchema, () => ({})),
  };

  /** @throws RequestError unless this is the replica that may call */
  requireReplica(request: { readonly generation?: bigint }): void {
    if (this.generation === 0n) throw refused("NOT_FOUND", "REPLICA_UNKNOWN");
    if (request.generation !== this.generation)
      throw refused("FAILED_PRECONDITION", "REPLICA_SUPERSEDED");
  }

  #register(request: {
    readonly instance?: Uint8Array;
    readonly expectedGeneration?: bigint;
  }): MessageInitShape<typeof RegisterReplicaResponseSchema> {
    const instance = textOf(request.instance ?? new Uint8Array());
    if (instance === this.instance)
      return { generation: this.generation, datasetId: this.log.datasetId };
    if ((request.expectedGeneration ?? 0n) !== this.generation)
      throw refused("ABORTED", "VERSION_MISMATCH");
    this.generation = this.nextRevision();
    this.instance = instance;
    this.acked = { seq: 0n, verifiedSeq: 0n, state: ReplicaState.UNSPECIFIED };
    return { generation: this.generation, datasetId: this.log.datasetId };
  }

  #ack(request: {
    readonly generation?: bigint;
    readonly subscriptionId?: bigint;
    readonly appliedSeq?: bigint;
    readonly verifiedSeq?: bigint;
    readonly state?: ReplicaState;
  }): MessageInitShape<typeof AckResponseSchema> {
    this.requireReplica(request);
    const { appliedSeq: seq = 0n, verifiedSeq = 0n } = request;
    if (request.subscriptionId !== this.subscriptionId)
      throw refused("FAILED_PRECONDITION", "SUBSCRIPTION_UNKNOWN");
    if (seq > this.log.head.seq) throw refused("FAILED_PRECONDITION", "LOG_DIVERGED");
    if (seq < this.acked.seq) throw refused("FAILED_PRECONDITION", "ACK_REGRESSED");
    this.acked = { seq, verifiedSeq, state: request.state ?? ReplicaState.UNSPECIFIED };
    return { headSeq: this.log.head.seq, inSync: request.state === ReplicaState.OK };
  }

  async #call<S extends DescMessage>(
    call: Arrival["call"],
    request: unknown,
    schema: S,
    answer: () => MessageInitShape<S>,
  ) {
    const arrival = { call, request };
    const meddling = this.reachable ? this.meddle(arrival) : "loseRequest";
    if (meddling instanceof Error) throw meddling;
    if (meddling === "loseRequest") throw unreachable();
    // As over a network, the answer is not there in the turn of the question.
    await Promise.resolve();
    this.arrivals.push(arrival);
    const reply = create(schema, answer());
    this.replyBytes += toBinary(schema, reply).length;
    if (meddling === "loseReply") throw unreachable();
    await meddling;
    return reply;
  }
}

export function refused(code: string, reason: string): RequestError {
  return new RequestError(code, reason, "refused by the test");
}

export function unreachable(): ServerUnreachableError {
  return new ServerUnreachableError("the test");
}
