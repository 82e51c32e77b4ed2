import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AckRequestSchema,
  type AckResponse,
  AppendRequestSchema,
  type AppendResponse,
  ChangeOp,
  CreateDatasetRequestSchema,
  type Dataset as DatasetMessage,
  type DatasetPolicySchema,
  DeleteDatasetRequestSchema,
  ListReplicasRequestSchema,
  type NewChangeSchema,
  RegisterReplicaRequestSchema,
  type Replica,
  ReplicaState,
  ReplicationMode,
  type Started,
  SubscribeRequestSchema,
  UnregisterReplicaRequestSchema,
  UpdateDatasetRequestSchema,
  WaitForReplicationRequestSchema,
  type WaitForReplicationResponse,
} from "@lockstep/protocol";
import type { Dataset } from "../../dataset/dataset.ts";
import { datasetOf } from "../../dataset/find.ts";
import type { World } from "../world.ts";

/** What a policy says; the rest is left at its default. */
export type PolicyInit = MessageInitShape<typeof DatasetPolicySchema>;
/** A change of a batch. */
export type ChangeInit = MessageInitShape<typeof NewChangeSchema>;
/** What an append says beside its changes. */
export type AppendInit = Omit<MessageInitShape<typeof AppendRequestSchema>, "$typeName">;

const principal = "writer";
let salts = 0;

/** The dataset most tests are about. */
export const NAME = "ds";

export function createDataset(
  world: World,
  policy: PolicyInit | undefined = undefined,
  dataset = NAME,
): DatasetMessage {
  salts += 1;
  const salt = new Uint8Array(16).fill(salts);
  const init = { dataset, reason: "new", correlationId: "trace" };
  const request = create(CreateDatasetRequestSchema, policy ? { ...init, policy } : init);
  const reply = world.reply({ kind: "createDataset", principal: "operator", salt, request });
  return reply.dataset as DatasetMessage;
}

/** Sets the policy as a whole. */
export function updateDataset(
  world: World,
  policy: PolicyInit,
  expectedVersion = datasetIn(world).policyVersion,
): DatasetMessage {
  const init = { dataset: NAME, policy, expectedVersion, reason: "change", correlationId: "trace" };
  const request = create(UpdateDatasetRequestSchema, init);
  const reply = world.reply({ kind: "updateDataset", principal: "operator", request });
  return reply.dataset as DatasetMessage;
}

export function deleteDataset(world: World, datasetId: bigint, dataset = NAME): void {
  const request = create(DeleteDatasetRequestSchema, { dataset, datasetId, reason: "over" });
  world.reply({ kind: "deleteDataset", principal: "operator", request });
}

/** The dataset as the state has it. */
export function datasetIn(world: Pick<World, "state">, name = NAME): Dataset {
  return datasetOf(world.state, name);
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function put(key: string, value: string, more: ChangeInit = {}): ChangeInit {
  const base = { op: ChangeOp.PUT, key: bytes(key), value: bytes(value), schemaVersion: 1 };
  return { ...base, ...more };
}

export function del(key: string, more: ChangeInit = {}): ChangeInit {
  return { op: ChangeOp.DELETE, key: bytes(key), schemaVersion: 1, ...more };
}

/** Appends, and is answered at once. */
export function append(world: World, changes: ChangeInit[], more: AppendInit = {}): AppendResponse {
  const request = create(AppendRequestSchema, { dataset: NAME, changes, ...more });
  return world.reply({ kind: "append", principal, request });
}

/** Appends, and waits for replicas: the id of the wait. */
export function appendWaiting(world: World, changes: ChangeInit[], more: AppendInit = {}): bigint {
  const request = create(AppendRequestSchema, { dataset: NAME, changes, ...more });
  const { answer } = world.run({ kind: "append", principal, request });
  if (answer.kind !== "waiting") throw new Error("it does not wait");
  return answer.ticketId;
}

/** Waits for replicas: how it was answered at once, or the id of the wait. */
export function waitForReplication(
  world: World,
  seq: bigint,
  more: MessageInitShape<typeof WaitForReplicationRequestSchema> = {},
): WaitForReplicationResponse | bigint {
  const request = create(WaitForReplicationRequestSchema, { dataset: NAME, seq, ...more });
  const { answer } = world.run({ kind: "waitForReplication", request });
  return answer.kind === "waiting" ? answer.ticketId : answer.reply;
}

export const quorum = (replicas: number) => ({ mode: ReplicationMode.QUORUM, replicas });
export const ALL_IN_SYNC = { mode: ReplicationMode.ALL_IN_SYNC };
export const LOCAL = { mode: ReplicationMode.LOCAL };

export function listReplicas(world: World): Replica[] {
  const request = create(ListReplicasRequestSchema, { dataset: NAME });
  return world.reply({ kind: "listReplicas", request }).replicas;
}

/** The 16 bytes of a registration, told apart by a number. */
export function instanceOf(number: number): Uint8Array {
  return new Uint8Array(16).fill(number);
}

let instances = 0;

/** Registers a replica; returns its generation. */
export function register(
  world: World,
  replica: string,
  more: MessageInitShape<typeof RegisterReplicaRequestSchema> = {},
): bigint {
  instances += 1;
  const expectedGeneration = datasetIn(world).replicas.get(replica)?.generation ?? 0n;
  const request = create(RegisterReplicaRequestSchema, {
    dataset: NAME,
    replica,
    instance: instanceOf(instances),
    expectedGeneration,
    ...more,
  });
  return world.reply({ kind: "registerReplica", principal: "replica", request }).generation;
}

export function unregister(world: World, replica: string, generation: bigint): void {
  const request = create(UnregisterReplicaRequestSchema, { dataset: NAME, replica, generation });
  world.reply({ kind: "unregisterReplica", principal: "replica", request });
}

/** Begins a subscription. */
export function subscribe(
  world: World,
  more: MessageInitShape<typeof SubscribeRequestSchema> = {},
): Started {
  const request = create(SubscribeRequestSchema, { dataset: NAME, ...more });
  const { part } = world.reply({ kind: "beginSubscription", request });
  if (part.case !== "started") throw new Error("it has not started");
  return part.value;
}

/** A process that acts as a replica. */
export class Follower {
  readonly world: World;
  readonly name: string;
  generation: bigint;
  subscriptionId = 0n;

  /** Registers it, and subscribes behind the head. */
  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.generation = register(world, name);
    this.subscribe();
  }

  subscribe(): Started {
    const { head } = datasetIn(this.world);
    const start = { case: "cursor", value: head } as const;
    const { name: replica, generation } = this;
    const started = subscribe(this.world, { replica, generation, start });
    this.subscriptionId = started.subscriptionId;
    return started;
  }

  /** Says that it has applied everything up to a seq, by default the head. */
  ack(
    appliedSeq = datasetIn(this.world).head.seq,
    state = ReplicaState.OK,
    more: MessageInitShape<typeof AckRequestSchema> = {},
  ): AckResponse {
    const { name: replica, generation, subscriptionId } = this;
    const request = create(AckRequestSchema, {
      dataset: NAME,
      replica,
      generation,
      subscriptionId,
      appliedSeq,
      verifiedSeq: appliedSeq,
      state,
      ...more,
    });
    return this.world.reply({ kind: "ack", request });
  }
}
