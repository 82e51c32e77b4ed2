import type { Lock } from "@lockstep/client";
import { LockMode } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import type { SimProcess } from "../time/sim-process.ts";
import { modesConflict } from "./conflicts.ts";
import type { History } from "./history.ts";
import type { HoldRecord } from "./records.ts";
import { demand } from "./violation.ts";

/** A lock a client was handed. */
export interface HandedLock {
  readonly process: SimProcess;
  readonly lock: Lock;
}

/** From the weakest to the strongest. */
const STRENGTH = ["SHARED", "UPGRADABLE", "EXCLUSIVE"];

/**
 * Watches that a client that believes it holds a lock does hold it, or that the key is blocked for it. A
 * client that stands still cannot act on a belief; it is asked as soon as it goes on.
 */
export class Beliefs {
  readonly #history: History;
  readonly #marks: Marks;
  readonly #handed = new Map<string, Set<HandedLock>>();

  constructor(history: History, marks: Marks) {
    this.#history = history;
    this.#marks = marks;
  }

  /** A client has been handed a lock. */
  handed(handed: HandedLock): void {
    for (const { key } of handed.lock.targets) {
      const ofKey = this.#handed.get(key) ?? new Set();
      this.#handed.set(key, ofKey.add(handed));
      this.check(key);
    }
  }

  /** Asks everybody who was handed a lock on a key. */
  check(key: string): void {
    const ofKey = this.#handed.get(key);
    if (ofKey === undefined) return;
    const believers: HandedLock[] = [];
    for (const handed of ofKey) {
      if (handed.process.dead) ofKey.delete(handed);
      if (!handed.process.running) continue;
      const { state } = handed.lock;
      if (state === "HELD" || state === "AT_RISK") believers.push(handed);
      // A release that the server refuses restores the handle.
      else if (state !== "RELEASING") ofKey.delete(handed);
    }
    const right = believers.filter((handed) => this.#isRight(handed, key));
    this.#agree(key, right);
  }

  /** Asks everybody about everything. */
  checkAll(): void {
    for (const key of this.#handed.keys()) this.check(key);
  }

  /** False when an operator has freed the key at once, whatever anybody believes. */
  #isRight({ lock, process }: HandedLock, key: string): boolean {
    const { ledger } = this.#history;
    const hold = ledger.holds.get(lock.holdId);
    if (ledger.freedAtOnce.has(lock.holdId)) {
      this.#marks.hit("somebody believes in a key that was freed at once");
      return false;
    }
    // Nobody else is granted anything before everybody must have noticed.
    if (ledger.grantsPaused) return false;
    const delay = ledger.delays.get(lock.holdId);
    const delayed = delay !== undefined && delay.to === undefined;
    const quarantined = hold !== undefined && ledger.keyOf(key).quarantine === hold;
    const held = hold !== undefined && hold.to === undefined;
    demand(
      held || delayed || quarantined,
      "who believes to hold does hold",
      () =>
        `${process.name} believes to hold ${key} with token ${lock.token}, which ${
          hold === undefined ? "was never granted" : `ended with revision ${hold.to}`
        }`,
    );
    const known = hold?.tokens.some(({ token }) => token === lock.token) ?? false;
    demand(
      known,
      "a handle shows a token of its hold",
      () => `${process.name} shows token ${lock.token} of hold ${lock.holdId}`,
    );
    this.#isNoStronger(lock, key, hold as HoldRecord);
    return true;
  }

  #isNoStronger(lock: Lock, key: string, hold: HoldRecord): void {
    const actual = hold.targets.find((target) => target.key === key);
    demand(
      actual !== undefined,
      "a handle names what is held",
      () => `hold ${hold.id} has no ${key}`,
    );
    const believed = STRENGTH.indexOf(lock.modeOf(key));
    const is = STRENGTH.indexOf(LockMode[actual.mode] ?? "");
    demand(
      believed <= is,
      "a handle believes in no stronger mode than it has",
      () => `${lock.modeOf(key)} on ${key}, held ${LockMode[actual.mode]} by hold ${hold.id}`,
    );
  }

  #agree(key: string, believers: readonly HandedLock[]): void {
    for (const [at, one] of believers.entries()) {
      for (const other of believers.slice(at + 1)) {
        const together = one.lock.holdId === other.lock.holdId;
        const conflict = modesConflict(modeOf(one, key), modeOf(other, key));
        demand(
          together || !conflict,
          "nobody believes beside a conflicting holder",
          () =>
            `${one.process.name} (${one.lock.token}) and ${other.process.name} (${other.lock.token}) on ${key}`,
        );
      }
    }
  }
}

function modeOf({ lock }: HandedLock, key: string): LockMode {
  return LockMode[lock.modeOf(key)];
}
