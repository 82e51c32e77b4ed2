import { create } from "@bufbuild/protobuf";
import { AppendOutcomeUnknownError, type Client, RequestError } from "@lockstep/client";
import { AppendFenceSchema, ChangeOp, ReplicationMode } from "@lockstep/protocol";
import type { Life } from "../clients/client-host.ts";
import { raise, useLock } from "../clients/use-lock.ts";
import type { World } from "../run/world.ts";
import { createDataset } from "./dataset-care.ts";
import { POISON } from "./projection.ts";
import { DATASET } from "./replica-life.ts";

/** An append as a plan has it. */
export interface Write {
  readonly changes: number;
  readonly deletes: boolean;
  readonly bytes: number;
  /** At how many replicas it must be applied; 0: at none, -1: as the policy says. */
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

/** A write of nothing special. */
export const PLAIN_WRITE = {
  deletes: false,
  quorum: 0,
  all: false,
  timeoutMs: 500,
  again: false,
  since: false,
  poison: false,
  key: -1,
} as const;

/** An append under a lock. */
export interface FencedWrite extends Write {
  /** The lock. */
  readonly lock: string;
  /** held: the token of a hold that it has; stale: of one that it gave back; guessed: of none. */
  readonly token: "held" | "stale" | "guessed";
  /** How long it keeps the lock, milliseconds. */
  readonly holdMs: number;
}

/** The key of a number. */
export function keyName(number: number): string {
  return `key ${number}`;
}

type Request = Parameters<Client["datasets"]["append"]>[0];

/** Few keys, so that changes meet. */
export const ROW_KEYS = 12;
/** Refusals that a writer may meet: none of them leaves a change. */
const EXPECTED_REASONS: ReadonlySet<string> = new Set([
  "NOT_ENOUGH_IN_SYNC",
  "IDEMPOTENCY_EXPIRED",
  "LOG_DIVERGED",
  "FENCED",
  "FENCE_REQUIRED",
]);

/**
 * Appends a batch of changes that nobody has appended before, or makes the dataset where there is none. Returns the seq
 * of its last change, if it was told.
 */
export async function appendOnce(
  world: World,
  life: Life,
  write: Write,
): Promise<bigint | undefined> {
  const request = newRequest(world, write);
  const lastSeq = await append(world, life, request);
  return write.again ? append(world, life, request) : lastSeq;
}

/** Appends as who holds a lock, or as who believes so; `again` is after the lock was given back. */
export async function appendFenced(world: World, life: Life, write: FencedWrite): Promise<void> {
  const { lock: key, token: which, holdMs, again } = write;
  const request = newRequest(world, write);
  let token = 0n;
  const wish = { targets: key, options: { waitMs: 5_000 }, holdMs, cancelAfterMs: -1 };
  await useLock(world, life, wish, async (lock) => {
    await raise(world, life, lock);
    token = which === "guessed" ? lock.token + 1n : lock.token;
    if (which !== "stale") await append(world, life, fenced(request, key, token));
  });
  if (token > 0n && (again || which === "stale"))
    await append(world, life, fenced(request, key, token));
}

async function append(
  world: World,
  { client }: Life,
  request: Request,
): Promise<bigint | undefined> {
  try {
    return (await client.datasets.append(request)).lastSeq;
  } catch (error) {
    if (error instanceof AppendOutcomeUnknownError) {
      world.marks.hit("append with an open outcome");
      return undefined;
    }
    if (!(error instanceof RequestError)) throw error;
    const { reason } = error;
    if (reason === "DATASET_UNKNOWN") await createDataset(client, world.config.dataset);
    else if (!EXPECTED_REASONS.has(reason) && !namesNoLock(request, reason)) throw error;
    world.marks.hit(`append refused: ${reason}`);
    return undefined;
  }
}

/** A fence is refused where the policy names no lock. */
function namesNoLock({ fence }: Request, reason: string): boolean {
  return fence !== undefined && reason === "INVALID_FIELD";
}

function fenced(request: Request, key: string, token: bigint): Request {
  return { ...request, fence: create(AppendFenceSchema, { key, token }) };
}

function newRequest(world: World, write: Write): Request {
  const batch = world.appends;
  world.appends += 1;
  const head = world.checker.datasets.log(DATASET)?.head ?? 0n;
  if (head > world.highestHead) world.highestHead = head;
  // Every other one remembers a log that may have been lost since.
  const since = batch % 2 === 0 ? head : world.highestHead;
  return requestOf(batch, write, write.since && since > 0n ? since : undefined);
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
    ...(write.quorum >= 0 && { durability: durabilityOf(write) }),
    replicationTimeoutMs: BigInt(write.timeoutMs),
    correlationId: `batch ${batch}`,
  };
}

function durabilityOf({ all, quorum }: Write): NonNullable<Request["durability"]> {
  if (all) return { mode: ReplicationMode.ALL_IN_SYNC, replicas: 0 };
  if (quorum > 0) return { mode: ReplicationMode.QUORUM, replicas: quorum };
  return { mode: ReplicationMode.LOCAL, replicas: 0 };
}
