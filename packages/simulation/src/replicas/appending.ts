import { AppendOutcomeUnknownError, type Client, RequestError } from "@lockstep/client";
import { ChangeOp, ReplicationMode } from "@lockstep/protocol";
import type { Life } from "../clients/client-host.ts";
import type { DatasetSettings } from "../plan/config.ts";
import type { World } from "../run/world.ts";
import { POISON } from "./projection.ts";
import { DATASET } from "./replica-life.ts";

/** An append as a plan has it. */
export interface Write {
  readonly changes: number;
  readonly deletes: boolean;
  readonly bytes: number;
  /** At how many replicas it must be applied; 0: at none. */
  readonly quorum: number;
  /** It must be applied at all replicas in sync. */
  readonly all: boolean;
  readonly timeoutMs: number;
  /** It is made again later, as by somebody who does not know that it was made. */
  readonly again: boolean;
  /** It says from which head on its keys are new. */
  readonly since: boolean;
  /** The code of those who follow fails on it. */
  readonly poison: boolean;
  /** The number of the one key that it writes; -1: several. */
  readonly key: number;
}

/** The key of a number. */
export function keyName(number: number): string {
  return `key ${number}`;
}

type Request = Parameters<Client["datasets"]["append"]>[0];

/** Few keys, so that changes meet. */
export const ROW_KEYS = 12;
const REASON = "the simulation wants it";
/** Refusals that a writer may meet: none of them leaves a change. */
const EXPECTED_REASONS: ReadonlySet<string> = new Set([
  "NOT_ENOUGH_IN_SYNC",
  "IDEMPOTENCY_EXPIRED",
  "LOG_DIVERGED",
  "DATASET_FULL",
]);

/** Appends a batch of changes that nobody has appended before, and makes the dataset first where there is none. */
export async function appendOnce(world: World, life: Life, write: Write): Promise<void> {
  const batch = world.appends;
  world.appends += 1;
  const sinceSeq = write.since ? world.checker.datasets.log(DATASET)?.head : undefined;
  const request = requestOf(batch, write, sinceSeq);
  await append(world, life, request);
  if (write.again) await append(world, life, request);
}

async function append(world: World, { client }: Life, request: Request): Promise<void> {
  try {
    await client.datasets.append(request);
  } catch (error) {
    if (error instanceof AppendOutcomeUnknownError) {
      world.marks.hit("append with an open outcome");
      return;
    }
    if (!(error instanceof RequestError)) throw error;
    if (error.reason === "DATASET_UNKNOWN") await createDataset(client, world.config.dataset);
    else if (!EXPECTED_REASONS.has(error.reason)) throw error;
    world.marks.hit(`append refused: ${error.reason}`);
  }
}

/** Makes the dataset of a run; harmless when somebody else has. */
async function createDataset(client: Client, settings: DatasetSettings): Promise<void> {
  const { checkpointChanges, checkpointIntervalMs, retentionChanges, maxSyncLagMs } = settings;
  const policy = {
    checkpointChanges,
    checkpointIntervalMs: BigInt(checkpointIntervalMs),
    retentionChanges: BigInt(retentionChanges),
    maxSyncLagMs: BigInt(maxSyncLagMs),
  };
  await client.datasets.create({ dataset: DATASET, policy, reason: REASON });
}

function requestOf(batch: number, write: Write, sinceSeq: bigint | undefined): Request {
  const changes = Array.from({ length: write.changes }, (_, at) => {
    const text = `${write.poison ? POISON : ""} ${batch}.${at} `;
    const isDelete = write.deletes && (batch + at) % 3 === 0;
    return {
      op: isDelete ? ChangeOp.DELETE : ChangeOp.PUT,
      key: Buffer.from(keyName(write.key < 0 ? (batch * 5 + at * 7) % ROW_KEYS : write.key)),
      value: isDelete ? Buffer.alloc(0) : Buffer.alloc(write.bytes, text),
      schemaVersion: isDelete ? 0 : 1,
      idempotencyKey: `${batch}/${at}`,
    };
  });
  return {
    dataset: DATASET,
    changes,
    ...(sinceSeq !== undefined && { sinceSeq }),
    durability: {
      mode: write.all
        ? ReplicationMode.ALL_IN_SYNC
        : write.quorum > 0
          ? ReplicationMode.QUORUM
          : ReplicationMode.LOCAL,
      replicas: write.all ? 0 : write.quorum,
    },
    replicationTimeoutMs: BigInt(write.timeoutMs),
    correlationId: `batch ${batch}`,
  };
}
