import { FenceGuard, LockMode, parseSequencer } from "@lockstep/protocol";
import { demand } from "../check/violation.ts";
import type { Marks } from "../marks/marks.ts";

interface Account {
  value: number;
  written: number;
}

/** An access that was shown a token which is too old. */
export class Fenced extends Error {
  override readonly name = "Fenced";
}

/**
 * What the locks protect: a counter for each key, which holders read, raise by one and write back. One
 * guards itself with the tokens it is shown; the other, the control, trusts everybody.
 */
export class Resource {
  readonly #marks: Marks;
  readonly #guard = new FenceGuard();
  readonly #guarded = new Map<string, Account>();
  readonly #control = new Map<string, Account>();
  readonly #highestWrite = new Map<string, bigint>();

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  /** @throws Fenced when a newer holder has been here */
  read(sequencer: string): { guarded: number; control: number } {
    const { key } = this.#admit(sequencer);
    return { guarded: of(this.#guarded, key).value, control: of(this.#control, key).value };
  }

  /** The control takes the write in any case. @throws Fenced when a newer holder has been here */
  write(sequencer: string, read: { guarded: number; control: number }): void {
    const { key: named } = parseSequencer(sequencer);
    const control = of(this.#control, named);
    control.value = read.control + 1;
    control.written += 1;
    const { key, token, mode } = this.#admit(sequencer);
    const highest = this.#highestWrite.get(key) ?? 0n;
    demand(
      mode === LockMode.EXCLUSIVE && token >= highest,
      "the guard accepts no older write",
      () => `a write to ${key} with token ${token} after one with ${highest}`,
    );
    this.#highestWrite.set(key, token);
    const guarded = of(this.#guarded, key);
    guarded.value = read.guarded + 1;
    guarded.written += 1;
  }

  /** At the end: the guarded counter has every write that was accepted. */
  finish(): void {
    for (const [key, { value, written }] of this.#guarded) {
      demand(
        value === written,
        "the guarded resource loses no update",
        () => `${key} counts ${value} after ${written} writes`,
      );
    }
    for (const { value, written } of this.#control.values()) {
      if (value < written) this.#marks.hit("unguarded resource loses updates", written - value);
    }
  }

  #admit(text: string) {
    const sequencer = parseSequencer(text);
    if (this.#guard.admit(sequencer)) return sequencer;
    this.#marks.hit("guard refuses an old token");
    throw new Fenced(`token ${sequencer.token} is too old`);
  }
}

function of(accounts: Map<string, Account>, key: string): Account {
  let account = accounts.get(key);
  if (account === undefined) {
    account = { value: 0, written: 0 };
    accounts.set(key, account);
  }
  return account;
}
