import { create } from "@bufbuild/protobuf";
import type { Op, Refusal, SessionCaller } from "@lockstep/core";
import {
  AcquireRequestSchema,
  DEFAULT_LIMITS,
  type ErrorReason,
  type Event,
  GetLockRequestSchema,
  GetSessionRequestSchema,
  KeepAliveRequestSchema,
  LockMode,
  OpenSessionRequestSchema,
  ReleaseRequestSchema,
} from "@lockstep/protocol";
import { MemoryJournal } from "../../journal/memory.ts";
import type { Executor } from "../executor.ts";
import { type Lineage, openNamespace } from "../open-namespace.ts";
import { ManualClock } from "./manual-clock.ts";

/** A namespace on a memory journal and a manual clock. */
export interface World {
  readonly clock: ManualClock;
  readonly journal: MemoryJournal;
  readonly executor: Executor;
  /** What `onStopped` was called with. */
  readonly stopped: Error[];
}

/** What a world may be given; the rest is new and empty. */
export interface WorldOptions {
  readonly journal?: MemoryJournal;
  readonly clock?: ManualClock;
  readonly lineage?: Lineage;
  /** false: recovered, but not yet answering. */
  readonly started?: boolean;
}

export async function newWorld(options: WorldOptions = {}): Promise<World> {
  const { journal = new MemoryJournal(), clock = new ManualClock(), lineage } = options;
  const stopped: Error[] = [];
  const executor = await openNamespace({
    name: "default",
    clusterId: "cluster",
    node: "node-1",
    clock,
    journal,
    limits: DEFAULT_LIMITS,
    serverVersion: "test",
    lineage,
    onStopped: (error) => stopped.push(error),
  });
  if (options.started !== false) executor.start();
  await clock.settle();
  return { clock, journal, executor, stopped };
}

/** What became of a reply so far. */
export interface Watched<R> {
  state: "open" | "resolved" | "rejected";
  reply: R | undefined;
  error: unknown;
}

export function watched<R>(promise: Promise<R>): Watched<R> {
  const seen: Watched<R> = { state: "open", reply: undefined, error: undefined };
  promise.then(
    (reply) => Object.assign(seen, { state: "resolved", reply }),
    (error: unknown) => Object.assign(seen, { state: "rejected", error }),
  );
  return seen;
}

let secrets = 0;

/** Opens a session, which settles with the next turns. */
export async function openSession(
  { executor, clock }: World,
  ttlMs = 10_000n,
): Promise<SessionCaller> {
  secrets += 1;
  const secretSha256 = new Uint8Array(32).fill(secrets % 256);
  secretSha256[0] = secrets >> 8;
  const request = create(OpenSessionRequestSchema, { namespace: "default", ttlMs });
  const { reply } = executor.submit<"openSession">({
    kind: "openSession",
    principal: "p",
    secretSha256,
    request,
  });
  await clock.settle();
  return { principal: "p", sessionId: (await reply).sessionId, secretSha256 };
}

export function acquireOp(
  caller: SessionCaller,
  requestId: bigint,
  key: string,
  waitMs = 0n,
): Op<"acquire"> {
  const targets = [{ key, mode: LockMode.EXCLUSIVE }];
  const request = create(AcquireRequestSchema, { requestId, targets, waitMs });
  return { kind: "acquire", caller, request, answerQueued: false };
}

export function releaseOp(caller: SessionCaller, requestId: bigint, holdId: bigint): Op<"release"> {
  const request = create(ReleaseRequestSchema, { requestId, holdId, token: holdId });
  return { kind: "release", caller, request };
}

export function keepAliveOp(caller: SessionCaller, seq = 1n): Op<"keepAlive"> {
  return { kind: "keepAlive", caller, request: create(KeepAliveRequestSchema, { seq }) };
}

export function getSessionOp(caller: SessionCaller): Op<"getSession"> {
  return { kind: "getSession", caller, request: create(GetSessionRequestSchema) };
}

export function getLockOp(key: string): Op<"getLock"> {
  return { kind: "getLock", request: create(GetLockRequestSchema, { namespace: "default", key }) };
}

/** No filter. */
export const ALL = { kind: "all" } as const;
/** A page large enough for any test. */
export const PAGE = { maxRecords: 1_000, maxBytes: 1_000_000 };

/** All events so far. */
export async function eventsOf({ executor }: World): Promise<readonly Event[]> {
  return (await executor.history("oldest", PAGE, ALL)).events;
}

/** Acquires what is free. */
export async function grant(world: World, caller: SessionCaller, requestId: bigint, key: string) {
  const { reply } = world.executor.submit(acquireOp(caller, requestId, key));
  await world.clock.settle();
  const { outcome } = await reply;
  if (outcome.case !== "granted") throw new Error(`expected a grant, got ${outcome.case}`);
  return outcome.value;
}

/** The reason of a refusal. */
export function reasonOf(error: unknown): ErrorReason {
  return (error as Refusal).reason;
}
