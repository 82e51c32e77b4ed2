import type { Lock } from "@lockstep/client";
import { LockMode } from "@lockstep/protocol";
import type { SimProcess } from "../time/sim-process.ts";
import type { History } from "./history.ts";
import { targetOf } from "./records.ts";
import { demand } from "./violation.ts";

/** A lock a client was handed. */
export interface HandedLock {
  readonly process: SimProcess;
  readonly lock: Lock;
  readonly mode: LockMode;
}

/**
 * Watches that a client that believes it holds a lock does hold it, or that the key is delayed for it. A
 * client that stands still cannot act on a belief; it is asked as soon as it goes on.
 */
export class Beliefs {
  readonly #history: History;
  readonly #handed = new Map<string, Set<HandedLock>>();

  constructor(history: History) {
    this.#history = history;
  }

  /** A client has been handed a lock. */
  handed(handed: HandedLock): void {
    const { key } = handed.lock;
    const ofKey = this.#handed.get(key) ?? new Set();
    this.#handed.set(key, ofKey.add(handed));
    this.check(key);
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
      else ofKey.delete(handed);
    }
    for (const handed of believers) this.#isRight(handed);
    this.#agree(key, believers);
  }

  /** Asks a client about all its locks. */
  checkAll(): void {
    for (const key of this.#handed.keys()) this.check(key);
  }

  #isRight({ lock, process }: HandedLock): void {
    const hold = this.#history.holds.get(lock.holdId);
    const held = hold !== undefined && hold.to === undefined;
    const delay = this.#history.delays.get(lock.holdId);
    const delayed = delay !== undefined && delay.to === undefined;
    demand(
      held || delayed,
      "who believes to hold does hold",
      () =>
        `${process.name} believes to hold ${lock.key} with token ${lock.token}, which ${
          hold === undefined ? "was never granted" : `ended with revision ${hold.to}`
        }`,
    );
    demand(
      hold?.token === lock.token,
      "a handle shows the token of its hold",
      () => `${process.name} shows token ${lock.token} of hold ${lock.holdId}`,
    );
    targetOf(hold?.targets ?? [], lock.key);
  }

  #agree(key: string, believers: readonly HandedLock[]): void {
    const exclusive = believers.filter(({ mode }) => mode === LockMode.EXCLUSIVE);
    const tooMany = exclusive.length > 0 && believers.length > 1;
    demand(
      !tooMany,
      "nobody believes beside an exclusive holder",
      () =>
        `${believers.map(({ process, lock }) => `${process.name} (${lock.token})`).join(" and ")} on ${key}`,
    );
  }
}
