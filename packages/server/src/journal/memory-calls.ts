import { type JournalDeposedError, JournalUnknownError } from "./journal.ts";

/** What can be asked of a journal that takes its time and can fail. */
export type MemoryJournalCall =
  | "append"
  | "read"
  | "writeSnapshot"
  | "readSnapshot"
  | "compact"
  | "readTables"
  | "trim";

/**
 * How a call can go wrong on demand.
 *
 * - `written`: everything was written, yet the call ends unknown.
 * - `not-written`: the call ends unknown and nothing of it is there.
 * - `torn`: the call ends unknown and a part was written: half a batch or half a snapshot, which the next
 *   start drops, or half a compaction, which stays.
 * - `deposed`: somebody else writes; nothing of the call is there.
 */
export type MemoryJournalFault = "written" | "not-written" | "torn" | "deposed";

/** A call that waits, or is about, to be settled. */
export interface MemoryCall {
  readonly kind: MemoryJournalCall;
  /** Does all of it and tells the caller. */
  finish(): void;
  /** Does what has reached the disk when the process ends; `whole` false: a part. */
  reachDisk(whole: boolean): void;
  /** Tells the caller that it failed. */
  reject(error: Error): void;
  /** The error when somebody else writes. */
  deposed(): JournalDeposedError;
}

/**
 * The calls under way in a memory journal: settled at once, or, when their kind is held, when the test
 * says so; with or without the fault the test asked for. Once one has failed, all do.
 */
export class MemoryCalls {
  readonly #held = new Set<MemoryJournalCall>();
  readonly #faults = new Map<MemoryJournalCall, MemoryJournalFault>();
  readonly #waiting: MemoryCall[] = [];
  #idle: (() => void)[] = [];
  #failure: Error | undefined;

  /** How many calls wait to be settled. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Why every call fails; undefined while none has. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Makes every further call fail. @returns the first failure, which counts */
  fail(error: Error): Error {
    this.#failure ??= error;
    return this.#failure;
  }

  hold(kinds: readonly MemoryJournalCall[]): void {
    for (const kind of kinds) this.#held.add(kind);
  }

  release(): void {
    this.#held.clear();
    while (this.settleNext());
  }

  failNext(fault: MemoryJournalFault, kind: MemoryJournalCall): void {
    this.#faults.set(kind, fault);
  }

  add(call: MemoryCall): void {
    if (this.#held.has(call.kind)) this.#waiting.push(call);
    else this.#settle(call);
  }

  /** Settles the oldest call that waits, or the oldest of a kind. Returns whether there was one. */
  settleNext(kind?: MemoryJournalCall): boolean {
    const at = kind === undefined ? 0 : this.#waiting.findIndex((call) => call.kind === kind);
    const [call] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (call === undefined) return false;
    this.#settle(call);
    if (this.#waiting.length === 0) for (const done of this.#idle.splice(0)) done();
    return true;
  }

  /** Settles when no call waits any more. */
  async idle(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((done) => this.#idle.push(done));
  }

  /**
   * The end of the process: what waits never settles.
   * @param written how many of the calls that wait had reached the disk
   * @param torn whether a part of the next one had
   */
  crash(written: number, torn: boolean): void {
    const waiting = this.#waiting.splice(0);
    if (this.#failure === undefined) {
      for (const call of waiting.slice(0, written)) call.reachDisk(true);
      if (torn) waiting[written]?.reachDisk(false);
    }
    this.fail(new JournalUnknownError("The process of this journal has ended."));
  }

  #settle(call: MemoryCall): void {
    const fault = this.#faults.get(call.kind);
    this.#faults.delete(call.kind);
    if (this.#failure === undefined && fault !== undefined) this.#failure = failureOf(call, fault);
    if (this.#failure === undefined) call.finish();
    else call.reject(this.#failure);
  }
}

function failureOf(call: MemoryCall, fault: MemoryJournalFault): Error {
  if (fault === "deposed") return call.deposed();
  if (fault !== "not-written") call.reachDisk(fault === "written");
  return new JournalUnknownError(`The journal was told to fail: ${fault}.`);
}
