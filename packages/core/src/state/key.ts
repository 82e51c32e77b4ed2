import type { LockTarget, LossReason } from "@lockstep/protocol";
import type { Delay } from "./delay.ts";
import type { Hold } from "./hold.ts";
import { counted, NOBODY, type Tally } from "./tally.ts";
import type { Ticket } from "./ticket.ts";
import { WaitQueue } from "./wait-queue.ts";

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
  readonly queue: Pick<WaitQueue, "size" | "get" | "values" | "valuesAfter">;
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
} & { holds: Hold[]; delays: Delay[]; queue: WaitQueue };

const NO_HOLDS: readonly Hold[] = Object.freeze([]);
const NO_DELAYS: readonly Delay[] = Object.freeze([]);
const NO_QUEUE = new WaitQueue();

/** A key nobody uses. What most keys never have is shared by them all until they do. */
export function newKey(key: string): KeyRecord {
  return {
    key,
    holds: NO_HOLDS,
    delays: NO_DELAYS,
    queue: NO_QUEUE,
    convert: undefined,
    quarantine: undefined,
    taken: NOBODY,
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

/** Who waits for a key, in the order in which it is granted; Acquires only after the ticket `after`. */
export function* waitersOf({ queue, convert }: KeyRecord, after = 0n): Generator<Ticket> {
  if (convert !== undefined) yield convert;
  yield* after === 0n ? queue.values() : queue.valuesAfter(after);
}

/** The target of a key among several. */
export function targetOf(targets: readonly LockTarget[], key: string): LockTarget | undefined {
  for (const target of targets) if (target.key === key) return target;
  return undefined;
}

export function addHold(record: KeyRecord, hold: Hold, target: LockTarget): void {
  const writable = record as Writable;
  // Written like this, an array takes no room for more: most keys have one holder.
  if (record.holds.length === 0) writable.holds = [hold];
  else writable.holds.push(hold);
  writable.taken = counted(record.taken, target, 1);
}

/** `target` is what the hold had of the key. */
export function removeHold(record: KeyRecord, hold: Hold, target: LockTarget): void {
  const writable = record as Writable;
  if (record.holds.length === 1) writable.holds = NO_HOLDS as Hold[];
  else writable.holds.splice(placeOf(record.holds, hold), 1);
  writable.taken = counted(record.taken, target, -1);
}

/** Where a hold stands among those of a key, which may be very many. */
function placeOf(holds: readonly Hold[], { id }: Hold): number {
  let low = 0;
  let high = holds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((holds[middle] as Hold).id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Changes how a hold holds a key; the hold's own targets are changed by the caller. */
export function changeMode(record: KeyRecord, from: LockTarget, to: LockTarget): void {
  (record as Writable).taken = counted(counted(record.taken, from, -1), to, 1);
}

export function addDelay(record: KeyRecord, delay: Delay, target: LockTarget): void {
  const writable = record as Writable;
  if (record.delays === NO_DELAYS) writable.delays = [];
  const { delays } = writable;
  let at = delays.length;
  while (at > 0 && (delays[at - 1] as Delay).hold.id > delay.hold.id) at -= 1;
  delays.splice(at, 0, delay);
  writable.taken = counted(record.taken, target, 1);
}

export function removeDelay(record: KeyRecord, delay: Delay, target: LockTarget): void {
  const writable = record as Writable;
  writable.delays.splice(writable.delays.indexOf(delay), 1);
  writable.taken = counted(record.taken, target, -1);
}

export function addWaiter(record: KeyRecord, ticket: Ticket, target: LockTarget): void {
  const writable = record as Writable;
  if (ticket.convertOf !== 0n) {
    writable.convert = ticket;
    return;
  }
  if (record.queue === NO_QUEUE) writable.queue = new WaitQueue();
  writable.queue.add(ticket);
  writable.waiting = counted(record.waiting, target, 1);
}

export function removeWaiter(record: KeyRecord, ticket: Ticket, target: LockTarget): void {
  const writable = record as Writable;
  if (ticket.convertOf !== 0n) {
    writable.convert = undefined;
    return;
  }
  writable.queue.remove(ticket);
  if (record.queue.size === 0) writable.queue = NO_QUEUE;
  writable.waiting = counted(record.waiting, target, -1);
}

export function setQuarantine(
  record: KeyRecord,
  quarantine: KeyQuarantineRecord | undefined,
): void {
  (record as Writable).quarantine = quarantine;
}
