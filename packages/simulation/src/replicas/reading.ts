import { RequestError } from "@lockstep/client";
import { ReadLevel } from "@lockstep/protocol";
import { type Freshness, StaleReadError } from "@lockstep/replica";
import type { Answer, Begun, Wanted } from "../check/datasets/dataset-reads.ts";
import type { Life } from "../clients/client-host.ts";
import type { World } from "../run/world.ts";
import { appendOnce, PLAIN_WRITE } from "./appending.ts";
import { unlessOthers } from "./dataset-care.ts";
import type { ReplicaHost } from "./replica-host.ts";
import { DATASET, REPLICA_WIRES, type ReplicaLife } from "./replica-life.ts";

/** A read of a replica as a plan has it. */
export interface ReadWish {
  readonly level: Wanted["level"];
  /** How long it may wait, milliseconds; -1: as long as a read does of which nothing is said. */
  readonly waitMs: number;
  /** With BOUNDED: how old at most, milliseconds; 0: as the policy says. */
  readonly maxStalenessMs: number;
  /** With AT_LEAST: what it shows at least. */
  readonly seq: bigint;
}

/** A replica that is read. */
interface Source {
  readonly name: string;
  readonly life: ReplicaLife;
  /** Somebody has changed its rows behind its back. */
  readonly isDamaged: () => boolean;
  /** It stood still when it was asked. */
  readonly isWaking: boolean;
}

/** A write of somebody who reads it at a replica. */
export interface OwnWrite {
  readonly waitMs: number;
  /** It asks for a change that is so far behind its own. */
  readonly beyond: number;
}

/** The bound of a policy that says none, milliseconds. */
const MAX_STALENESS_MS = 10_000;
/** How long a STRONG read waits of which nothing is said, milliseconds; every other one does not. */
const STRONG_WAIT_MS = 5_000;
/** More than timers are ever late, milliseconds. */
const LATE_MS = 50;
const OWN_WRITE = { ...PLAIN_WRITE, changes: 2, bytes: 3 };

/** A read at a level by its name, which waits as long as one does of which nothing is said. */
export function plainRead(level: string): ReadWish {
  return { level: level as Wanted["level"], waitMs: -1, maxStalenessMs: 0, seq: 0n };
}

/** Reads all rows of a replica, within its process. @throws what the read was refused with */
export async function readAtReplica(world: World, source: Source, wish: ReadWish): Promise<void> {
  const { checker, marks, scheduler } = world;
  const { reads } = checker.datasets;
  const { process, replica } = source.life;
  const { level, waitMs } = wish;
  const begun = reads.begun(source.name, DATASET, wantedOf(wish));
  const wasCutOff = isCutOff(source.life);
  const lacked = wish.seq > replica.status().appliedSeq;
  let isOver = false;
  const waitsMs = waitMs >= 0 ? waitMs : level === "STRONG" ? STRONG_WAIT_MS : 0;
  // A timer of the same process: whatever holds that up, the read's own one comes first.
  const late = () => checker.watch(() => reads.timeIsOver(begun, isOver));
  process.after(waitsMs + LATE_MS, late, true);
  try {
    const { rows, position } = await replica.scan({
      freshness: freshnessOf(wish),
      ...(waitMs >= 0 && { waitMs }),
    });
    const { appliedSeq, stalenessMs } = position;
    const answer = { appliedSeq, rows, damaged: source.isDamaged() };
    const atMs = scheduler.nowMs;
    marks.hit(`replica read ${level}`);
    if (lacked) marks.hit("AT_LEAST read waits for its seq");
    if (appliedSeq < checker.datasets.acknowledgedBy()) {
      if (isCutOff(source.life)) marks.hit("old rows read of a replica that is cut off");
      if (source.isWaking) marks.hit("old rows read of a replica that stood still");
    }
    checker.watch(() => {
      reads.answered(begun, answer);
      reads.aged(begun, answer, { stalenessMs, atMs });
    });
  } catch (error) {
    if (error instanceof StaleReadError) {
      marks.hit(`replica read ${level} refused as stale`);
      if (wasCutOff) marks.hit(`${level} read refused of a replica that is cut off`);
      checker.watch(() => reads.refused(begun, error));
    }
    throw error;
  } finally {
    isOver = true;
  }
}

/** Reads all rows at the server: what was acknowledged is there, and no part of a batch. */
export async function readAtServer(world: World, life: Life): Promise<void> {
  await scanAtServer(world, life, { level: "STRONG" });
}

/** Appends, and reads the own change at a replica, and at the server, too. */
export async function readOwnWrite(
  world: World,
  life: Life,
  replica: ReplicaHost,
  { waitMs, beyond }: OwnWrite,
): Promise<void> {
  const lastSeq = await appendOnce(world, life, OWN_WRITE);
  if (lastSeq === undefined) return;
  const seq = lastSeq + BigInt(beyond);
  replica.read({ level: "AT_LEAST", seq, waitMs, maxStalenessMs: 0 });
  await scanAtServer(world, life, { level: "AT_LEAST", seq });
}

async function scanAtServer(
  { checker, marks }: World,
  { client, name }: Life,
  wanted: Wanted & { readonly level: "STRONG" | "AT_LEAST" },
): Promise<void> {
  const { reads } = checker.datasets;
  const begun = reads.begun(`${name} at the server`, DATASET, wanted);
  const level = ReadLevel[wanted.level];
  const freshness = wanted.level === "AT_LEAST" ? { level, seq: wanted.seq } : { level };
  await unlessOthers(async () => {
    try {
      const request = { dataset: DATASET, pageSize: 100, freshness };
      const { rows, position } = await client.datasets.scan(request);
      marks.hit(`server read ${wanted.level}`);
      const answer: Answer = { appliedSeq: position?.appliedSeq ?? 0n, rows, damaged: false };
      checker.watch(() => reads.answered(begun, answer));
    } catch (error) {
      if (!(error instanceof RequestError && error.reason === "STALE_READ")) throw error;
      // A server that has gone back to an older copy may lack what was acknowledged before.
      if (checker.datasets.log(DATASET) !== begun.log) return;
      const had = { appliedSeq: begun.acknowledged, stalenessMs: 0 };
      checker.watch(() => reads.refused(begun, had));
    }
  });
}

function isCutOff({ wires }: ReplicaLife): boolean {
  return REPLICA_WIRES.every((name) => wires[name].partitioned);
}

function wantedOf({ level, maxStalenessMs, seq }: ReadWish): Begun["wanted"] {
  if (level === "BOUNDED") return { level, maxStalenessMs: maxStalenessMs || MAX_STALENESS_MS };
  return level === "AT_LEAST" ? { level, seq } : { level };
}

function freshnessOf({ level, maxStalenessMs, seq }: ReadWish): Freshness {
  if (level === "BOUNDED") return { level, ...(maxStalenessMs > 0 && { maxStalenessMs }) };
  return level === "AT_LEAST" ? { level, seq } : { level };
}
