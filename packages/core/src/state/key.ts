import type { LockTarget, LossReason } from "@lockstep/protocol";
import type { Delay } from "./delay.ts";
import type { Hold } from "./hold.ts";
import { count, NOBODY, newTally, type Tally } from "./tally.ts";
import type { Ticket } from "./ticket.ts";

/** Why a key is quarantined. */
export interface KeyQuarantineRecord {
  /** The revision of the loss; names the quarantine when it is cleared. */
  readonly revision: bigint;
  readonly holdId: bigint;
  readonly token: bigint;
  readonly sessionId: bigint;
  readonly reason: LossReason;
  readonly sinceMs: number;
}

/** A key in use. Changed by the functions below alone, which keep its tallies true. */
export interface KeyRecord {
  readonly key: string;
  /** By rising id. */
  readonly holds: readonly Hold[];
  /** By rising id of the hold. */
  readonly delays: readonly Delay[];
  /** Waiting acquires, by arrival. */
  readonly queue: ReadonlyMap<bigint, Ticket>;
  /** The waiting Convert, which stands before the queue; one at most, since one hold at most is UPGRADABLE. */
  readonly convert: Ticket | undefined;
  readonly quarantine: KeyQuarantineRecord | undefined;
  /** Those of holds and delays. */
  readonly taken: Readonly<Tally>;
  /** Those of the queue. */
  readonly waiting: Readonly<Tally>;
}

type Writable = {
  -readonly [P in keyof KeyRecord]: KeyRecord[P];
} & { holds: Hold[]; delays: Delay[]; queue: Map<bigint, Ticket>; taken: Tally; waiting: Tally };

const NO_DELAYS: readonly Delay[] = Object.freeze([]);
const NO_QUEUE: ReadonlyMap<bigint, Ticket> = new Map();

/** A key nobody uses. What most keys never have is shared by them all until they do. */
export function newKey(key: string): KeyRecord {
  return {
    key,
    holds: [],
    delays: NO_DELAYS,
    queue: NO_QUEUE,
    convert: undefined,
    quarantine: undefined,
    taken: newTally(),
    waiting: NOBODY,
  };
}

/** Whether nothing must be known of a key any more. */
export function isUnused({ holds, delays, queue, convert, quarantine }: KeyRecord): boolean {
  return (
    holds.length + delays.length + queue.size === 0 &&
    convert === undefined &&
    quarantine === undefined
  );
}

/** How many wait for a key. */
export function queueLength({ queue, convert }: KeyRecord): number {
  return queue.size + (convert === undefined ? 0 : 1);
}

/** Who waits for a key, in the order in which it is granted. */
export function* waitersOf({ queue, convert }: KeyRecord): Generator<Ticket> {
  if (convert !== undefined) yield convert;
  yield* queue.values();
}

/** The target of a key among several. */
export function targetOf(targets: readonly LockTarget[], key: string): LockTarget | undefined {
  for (const target of targets) if (target.key === key) return target;
  return undefined;
}

export function addHold(record: KeyRecord, hold: Hold, target: LockTarget): void {
  const { holds, taken } = record as Writable;
  holds.push(hold);
  count(taken, target, 1);
}

/** `target` is what the hold had of the key. */
export function removeHold(record: KeyRecord, hold: Hold, target: LockTarget): void {
  const { holds, taken } = record as Writable;
  holds.splice(holds.indexOf(hold), 1);
  count(taken, target, -1);
}

/** Changes how a hold holds a key; the hold's own targets are changed by the caller. */
export function changeMode(record: KeyRecord, from: LockTarget, to: LockTarget): void {
  const { taken } = record as Writable;
  count(taken, from, -1);
  count(taken, to, 1);
}

export function addDelay(record: KeyRecord, delay: Delay, target: LockTarget): void {
  const writable = record as Writable;
  if (record.delays === NO_DELAYS) writable.delays = [];
  const { delays } = writable;
  let at = delays.length;
  while (at > 0 && (delays[at - 1] as Delay).hold.id > delay.hold.id) at -= 1;
  delays.splice(at, 0, delay);
  count(writable.taken, target, 1);
}

export function removeDelay(record: KeyRecord, delay: Delay, target: LockTarget): void {
  const { delays, taken } = record as Writable;
  delays.splice(delays.indexOf(delay), 1);
  count(taken, target, -1);
}

export function addWaiter(record: KeyRecord, ticket: Ticket, target: LockTarget): void {
  const writable = record as Writable;
  if (ticket.convertOf !== 0n) {
    writable.convert = ticket;
    return;
  }
  if (record.queue === NO_QUEUE) {
    writable.queue = new Map();
    writable.waiting = newTally();
  }
  writable.queue.set(ticket.id, ticket);
  count(writable.waiting, target, 1);
}

export function removeWaiter(record: KeyRecord, ticket: Ticket, target: LockTarget): void {
  const writable = record as Writable;
  if (ticket.convertOf !== 0n) {
    writable.convert = undefined;
    return;
  }
  writable.queue.delete(ticket.id);
  count(writable.waiting, target, -1);
}

export function setQuarantine(
  record: KeyRecord,
  quarantine: KeyQuarantineRecord | undefined,
): void {
  (record as Writable).quarantine = quarantine;
}
