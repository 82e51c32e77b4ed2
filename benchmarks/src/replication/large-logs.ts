import { within } from "../time.ts";
import { Deliveries } from "./streams.ts";
import type { ChangeLog, Entry, Follow, System } from "./system.ts";
import type { Trial } from "./trial.ts";

const VALUE_BYTES = 200;
const FILLING = { callers: 8, batch: 100 } as const;
const CATCH_UP_MS_MAX = 600_000;

/** A log with so many changes, each of a key of its own. It is filled once, when it is needed first. */
export class LargeLog {
  readonly changes: number;
  readonly log: ChangeLog;
  #filled: Promise<void> | undefined;

  constructor(changes: number, log: ChangeLog) {
    this.changes = changes;
    this.log = log;
  }

  filled(): Promise<void> {
    this.#filled ??= fill(this.changes, (entries) => this.log.append(entries));
    return this.#filled;
  }
}

/** Appends so many rows, each once, several batches at a time. */
export async function fill(
  rows: number,
  append: (entries: readonly Entry[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const caller = async () => {
    while (next < rows) {
      const from = next;
      next = Math.min(rows, next + FILLING.batch);
      await append(Array.from({ length: next - from }, (_, at) => rowOf(from + at)));
    }
  };
  await Promise.all(Array.from({ length: FILLING.callers }, caller));
}

/** A row by its number: with a key of an ordinary length, such as `row/0000042`. */
export function rowOf(number: number): Entry {
  const value = new Uint8Array(VALUE_BYTES).fill(0x61);
  return { key: `row/${String(number).padStart(7, "0")}`, value };
}

/** One follower that begins at the beginning of a large log, until it has all of it. */
export function catchUp(
  system: System,
  large: LargeLog,
  [how, follow]: readonly [string, Follow],
): Trial {
  return {
    part: "catchUp",
    system: system.name,
    of: how,
    run: async () => {
      await large.filled();
      const deliveries = new Deliveries();
      const before = process.cpuUsage();
      const fromMs = performance.now();
      const follower = await follow("beginning", () => deliveries.one());
      try {
        await within(CATCH_UP_MS_MAX, `catching up by ${how}`, deliveries.reach(large.changes));
        const seconds = (performance.now() - fromMs) / 1_000;
        return { seconds, perSecond: large.changes / seconds, ownCpuUs: cpuUs(before, large) };
      } finally {
        await follower.stop();
      }
    },
  };
}

/** All rows of a large log, as of one moment. */
export function snapshot(
  system: System,
  large: LargeLog,
  [how, take]: readonly [string, () => Promise<number>],
): Trial {
  return {
    part: "snapshot",
    system: system.name,
    of: how,
    run: async () => {
      await large.filled();
      const before = process.cpuUsage();
      const fromMs = performance.now();
      const rows = await take();
      const seconds = (performance.now() - fromMs) / 1_000;
      if (rows !== large.changes) throw new Error(`${rows} rows of ${large.changes}`);
      return { seconds, perSecond: rows / seconds, ownCpuUs: cpuUs(before, large) };
    },
  };
}

/** What this process has computed for each change since then, microseconds of a processor. */
function cpuUs(since: NodeJS.CpuUsage, { changes }: LargeLog): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / changes;
}
