import { create } from "@bufbuild/protobuf";
import type { Dataset, NamespaceState, Op, OpKind, Reply } from "@lockstep/core";
import {
  BUCKETS,
  type DamagedRow,
  ScrubDatasetRequestSchema,
  type ScrubDatasetResponse,
  type ScrubStatus,
} from "@lockstep/protocol";
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Pending } from "../namespace.ts";

/** How long a pass over all rows of a dataset takes, unless the budget makes it take longer. */
const PASS_MS = 24 * 3_600_000;
/** How many buckets are looked at in one step. */
const STEP_BUCKETS = 64;
/** How long is rested after a step, in times of what it took: 5 % of a core. */
const REST_FACTOR = 19;
const TOLD_MAX = 16;

/** What a scrub works with. */
export interface ScrubParts {
  readonly state: NamespaceState;
  readonly clock: Clock;
  readonly submit: <K extends OpKind>(op: Op<K>) => Pending<Reply<K>>;
  /** Called once for everything that is found. */
  readonly onDamage: (dataset: string, damaged: DamagedRow) => void;
}

/** How far one dataset was looked at. */
interface Progress {
  nextBucket: number;
  rowsSeen: bigint;
  passedAtMs: bigint;
  /** What was found in a bucket when it was last looked at. */
  readonly damaged: Map<number, readonly DamagedRow[]>;
}

/** Looks at all rows of all datasets, again and again, on a budget. */
export class Scrub {
  readonly #parts: ScrubParts;
  readonly #byId = new Map<bigint, Progress>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: ScrubParts) {
    this.#parts = parts;
  }

  /** Begins to look, a step of each dataset at a time. */
  start(): void {
    this.#rest(0);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  status(datasetId: bigint): ScrubStatus {
    const {
      nextBucket = 0,
      rowsSeen = 0n,
      passedAtMs = 0n,
      damaged,
    } = this.#byId.get(datasetId) ?? {};
    return {
      $typeName: "lockstep.v1.ScrubStatus",
      passedAtMs,
      bucketsSeen: nextBucket,
      rowsSeen,
      damaged: [...(damaged?.values() ?? [])].flat().slice(0, TOLD_MAX),
    };
  }

  /** Waits for its time and for the time of the budget, whichever is later. */
  #rest(tookMs: number): void {
    if (this.#closed) return;
    const stepMs = (PASS_MS * STEP_BUCKETS) / BUCKETS;
    const restMs = Math.max(stepMs - tookMs, tookMs * REST_FACTOR);
    this.#timer = this.#parts.clock.after(restMs, () => void this.#step());
  }

  async #step(): Promise<void> {
    const { state, clock } = this.#parts;
    const beganMs = clock.monotonicMs();
    const datasets = state.datasets.values();
    for (const id of this.#byId.keys()) {
      if (state.datasets.byId(id) === undefined) this.#byId.delete(id);
    }
    for (const dataset of datasets) {
      if (this.#closed) return;
      await this.#look(dataset);
    }
    this.#rest(clock.monotonicMs() - beganMs);
  }

  async #look(dataset: Dataset): Promise<void> {
    const progress = this.#byId.get(dataset.id) ?? newProgress();
    this.#byId.set(dataset.id, progress);
    const firstBucket = progress.nextBucket;
    const request = create(ScrubDatasetRequestSchema, {
      dataset: dataset.name,
      firstBucket,
      buckets: Math.min(STEP_BUCKETS, BUCKETS - firstBucket),
    });
    const pending = this.#parts.submit<"scrubDataset">({ kind: "scrubDataset", request });
    // A dataset that was deleted meanwhile, or a namespace that has stopped, needs no look.
    const response = await pending.reply.catch(() => undefined);
    if (response !== undefined) this.#looked(dataset, progress, response);
  }

  #looked(
    { name }: Dataset,
    progress: Progress,
    { nextBucket, rows, damaged }: ScrubDatasetResponse,
  ): void {
    const known = progress.damaged;
    const before = new Set([...known.values()].flat().map(placeOf));
    for (let bucket = progress.nextBucket; bucket < nextBucket; bucket += 1) known.delete(bucket);
    for (const one of damaged) {
      known.set(one.bucket, [...(known.get(one.bucket) ?? []), one]);
      if (!before.has(placeOf(one))) this.#parts.onDamage(name, one);
    }
    progress.rowsSeen += rows;
    progress.nextBucket = nextBucket;
    if (nextBucket < BUCKETS) return;
    progress.nextBucket = 0;
    progress.rowsSeen = 0n;
    progress.passedAtMs = BigInt(this.#parts.clock.unixMs());
  }
}

function newProgress(): Progress {
  return { nextBucket: 0, rowsSeen: 0n, passedAtMs: 0n, damaged: new Map() };
}

function placeOf({ bucket, key }: DamagedRow): string {
  return `${bucket}/${Buffer.from(key).toString("hex")}`;
}
