import { measure } from "../locks/measure.ts";
import { percentile } from "../statistics.ts";
import { within } from "../time.ts";
import type { ChangeLog, Entry, Follow, Follower, System } from "./system.ts";
import type { Trial } from "./trial.ts";

const VALUE_BYTES = 200;
/** A caller writes so many keys, one after the other, again and again. */
const KEYS_PER_CALLER = 1_000;
// What is under way when a round is over is given up so long after.
const DELIVERY_MS_MAX = 60_000;
/** Appends of one fan-out under way at once, and the changes of each. */
const FAN_OUT_LOAD = { callers: 8, batch: 100 } as const;

/** Entries of one caller. */
export class Writer {
  readonly #caller: number;
  readonly #value = new Uint8Array(VALUE_BYTES).fill(0x61);
  #written = 0;

  constructor(caller: number) {
    this.#caller = caller;
  }

  next(count: number): Entry[] {
    return Array.from({ length: count }, () => {
      this.#written += 1;
      return { key: `${this.#caller}/${this.#written % KEYS_PER_CALLER}`, value: this.#value };
    });
  }
}

function writers(count: number): Writer[] {
  return Array.from({ length: count }, (_, caller) => new Writer(caller));
}

/** So many callers that append a batch each, and the next when it is on the disk. */
export function appends(
  system: System,
  log: ChangeLog,
  durationMs: number,
  { callers, batch }: { readonly callers: number; readonly batch: number },
): Trial {
  const all = writers(callers);
  const each = batch === 1 ? "" : `, batches of ${batch}`;
  return {
    part: "append",
    system: system.name,
    of: `${callers.toLocaleString("en")} callers${each}`,
    run: async () => {
      const beforeMs = await system.cpuMs?.();
      const round = await measure(callers, durationMs, (caller) =>
        log.append((all[caller] as Writer).next(batch)),
      );
      const changes = round.cycles * batch;
      const afterMs = await system.cpuMs?.();
      return {
        perSecond: round.perSecond * batch,
        p50Ms: round.p50Ms,
        p99Ms: round.p99Ms,
        ...(beforeMs !== undefined &&
          afterMs !== undefined && { serverCpuUs: ((afterMs - beforeMs) / changes) * 1_000 }),
      };
    },
  };
}

/** One caller whose next append begins when a follower has the one before: where its changes are applied, on its disk. */
export function untilApplied(
  system: System,
  log: ChangeLog,
  durationMs: number,
  [how, follow]: readonly [string, Follow],
): Trial {
  const writer = new Writer(0);
  return {
    part: "applied",
    system: system.name,
    of: how,
    run: async () => {
      let seen: () => void = () => undefined;
      const follower = await follow("end", () => seen());
      const appendsMs: number[] = [];
      try {
        const round = await measure(1, durationMs, async () => {
          const applied = new Promise<void>((resolve) => {
            seen = resolve;
          });
          const fromMs = performance.now();
          await log.append(writer.next(1));
          appendsMs.push(performance.now() - fromMs);
          await applied;
        });
        appendsMs.sort((a, b) => a - b);
        const { p50Ms, p99Ms, perSecond } = round;
        return { perSecond, p50Ms, p99Ms, appendP50Ms: percentile(appendsMs, 0.5) };
      } finally {
        await follower.stop();
      }
    },
  };
}

/** All changes of some busy callers, delivered to each of so many followers. */
export function fanOut(
  system: System,
  log: ChangeLog,
  durationMs: number,
  [how, follow]: readonly [string, Follow],
  followers: number,
): Trial {
  const { callers, batch } = FAN_OUT_LOAD;
  const all = writers(callers);
  return {
    part: "fanOut",
    system: system.name,
    of: `${followers} × ${how}`,
    run: async () => {
      const deliveries = new Deliveries();
      const following: Follower[] = [];
      try {
        for (let each = 0; each < followers; each++) {
          following.push(await follow("end", () => deliveries.one()));
        }
        const fromMs = performance.now();
        const { cycles } = await measure(callers, durationMs, (caller) =>
          log.append((all[caller] as Writer).next(batch)),
        );
        const wanted = cycles * batch * followers;
        await within(
          DELIVERY_MS_MAX,
          `the delivery of ${wanted} changes`,
          deliveries.reach(wanted),
        );
        return { perSecond: (wanted / (performance.now() - fromMs)) * 1_000 };
      } finally {
        await Promise.all(following.map((each) => each.stop()));
      }
    },
  };
}

/** Counts what arrives. */
export class Deliveries {
  #count = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #reached: () => void = () => undefined;

  one(): void {
    this.#count += 1;
    if (this.#count >= this.#wanted) this.#reached();
  }

  /** Resolves when so many have arrived in all. */
  async reach(wanted: number): Promise<void> {
    if (this.#count >= wanted) return;
    await new Promise<void>((resolve) => {
      this.#reached = resolve;
      this.#wanted = wanted;
    });
  }
}
