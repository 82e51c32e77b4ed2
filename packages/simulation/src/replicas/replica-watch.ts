import type { DriftFound, Loaded, Replica, ReplicaEvent, Row } from "@lockstep/replica";
import { demand } from "../check/violation.ts";
import type { World } from "../run/world.ts";
import { isProjected } from "./projection.ts";
import { DATASET } from "./replica-life.ts";

/** What somebody has done to the rows of a replica behind its back. */
export interface Damages {
  /** Rows were changed and have not come right since. */
  readonly rows: boolean;
  /** They were, and no checkpoint has matched since they have come right. */
  readonly mayDrift: boolean;
  /** They ever were: rows may have gone of which the user's code was not told. */
  readonly ever: boolean;
}

/** Nobody has done anything. */
export const NO_DAMAGES: Damages = { rows: false, mayDrift: false, ever: false };

/** Watches what a replica commits and what it says, over all its lives. */
export class ReplicaWatch {
  damages: Damages = NO_DAMAGES;
  /** Calls are lost, frames are dropped or change places, and no repair has ended since. */
  repairTroubled = false;
  readonly #world: World;
  readonly #name: string;
  /** Where it has last stood. */
  #stood: { readonly seq: bigint; readonly logHash: Uint8Array } | undefined;
  #onCommit: ((staged: boolean) => void) | undefined;

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  /** Calls back once, in the middle of the next transaction that has been committed. */
  onNextCommit(fn: ((staged: boolean) => void) | undefined): void {
    this.#onCommit = fn;
  }

  /** One of its processes has committed a transaction. */
  committed(
    process: string,
    { published, staged, letters }: Loaded,
    rows: readonly Row[],
    table: ReadonlyMap<string, unknown>,
  ): void {
    const { checker } = this.#world;
    const onCommit = this.#onCommit;
    this.#onCommit = undefined;
    if (published !== undefined) {
      const { cursor, salt } = published.progress;
      const { seq, logHash } = cursor;
      this.#stood = cursor;
      checker.trace(`${process} has committed ${seq}`);
      checker.watch(() => {
        const scope = { salt, dataset: DATASET };
        const damaged = this.damages.rows;
        const commit = { replica: this.#name, seq, logHash, scope, rows, damaged };
        const right = checker.datasets.positions.committed(commit);
        if (right) this.damages = { ...this.damages, rows: false };
        demand(
          isProjected(table, rows) || letters.length > 0 || this.damages.ever,
          "what was projected is what the rows are",
          () => `${this.#name} at ${seq}`,
        );
      });
    }
    onCommit?.(staged !== undefined);
  }

  /** Hears what one of its lives says, to its end. */
  async listen(process: string, replica: Replica): Promise<void> {
    const { checker, marks } = this.#world;
    for await (const event of replica.events()) {
      checker.trace(`${process}: ${event.type}${detailOf(event)}`);
      if (event.type === "subscribed")
        marks.hit(event.snapshot ? "replica takes a snapshot" : "replica goes on from its cursor");
      else if (event.type === "parked") marks.hit("poison change parked");
      else if (event.type === "breaker") marks.hit(`breaker ${event.state}`);
      else if (event.type === "checkpoint") {
        marks.hit(`checkpoint compared: ${event.verdict}`);
        if (event.verdict === "MATCH" && !this.damages.rows)
          this.damages = { ...this.damages, mayDrift: false };
        if (event.verdict === "MISMATCH") this.#mismatched(event.seq);
      } else if (event.type === "drift") this.#drifted(event.found);
    }
  }

  /** A checkpoint is of other rows only when somebody has changed them, or when the log was lost. */
  #mismatched(at: bigint): void {
    const { checker } = this.#world;
    const { seq, logHash } = this.#stood ?? {};
    if (this.damages.mayDrift || seq === undefined || logHash === undefined) return;
    if (checker.datasets.isOfLog(DATASET, seq, logHash))
      checker.fail("nothing in flight is reported as drift", `${this.#name} differs at ${at}`);
  }

  /** Only what somebody has done to it is drift, or to the log that it followed. */
  #drifted(found: DriftFound): void {
    const { checker, marks } = this.#world;
    marks.hit(`drift found: ${found.action}`);
    const { seq, logHash } = found.asOf;
    const lost = found.action === "RESYNCED" && !checker.datasets.isOfLog(DATASET, seq, logHash);
    if (lost) marks.hit("replica resynced after its log was lost");
    if (found.action === "REPAIRED" && this.repairTroubled) {
      marks.hit("row repaired under loss and reordering");
      this.repairTroubled = false;
    }
    if (this.damages.mayDrift || lost) return;
    const what = JSON.stringify(found, printable);
    checker.fail("nothing in flight is reported as drift", `${this.#name} found ${what}`);
  }
}

function detailOf(event: ReplicaEvent): string {
  if (event.type === "checkpoint") return ` ${event.seq} ${event.verdict}`;
  return "error" in event ? ` ${event.error}` : "";
}

/** Numbers and bytes as people read them, for `JSON.stringify`. */
export function printable(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}`;
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
