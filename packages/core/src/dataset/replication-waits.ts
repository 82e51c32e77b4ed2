import type { AppendResponse, WaitForReplicationResponse } from "@lockstep/protocol";
import type { Durability } from "./policy-settings.ts";

/** An append, or a call that waits for one, whose change is not applied at enough replicas yet. */
export interface ReplicationWait {
  readonly id: bigint;
  readonly datasetId: bigint;
  /** The change that is waited for. */
  readonly seq: bigint;
  /** As it was resolved when it was decided. */
  readonly durability: Durability;
  /** At how many replicas that are OK it must be applied. */
  readonly needed: number;
  /** When it is over, monotonic. */
  readonly deadlineMs: number;
  /** What is answered, but for the outcome and who has applied it. */
  readonly reply: AppendResponse | WaitForReplicationResponse;
  isOver: boolean;
}

/** A wait that has ended, and its answer without header. */
export interface SettledWait {
  readonly waitId: bigint;
  readonly reply: AppendResponse | WaitForReplicationResponse;
}

/** So many that are over may lie about before they are swept out. */
const OVER_MAX = 64;

/** The waits of a dataset by rising seq, so that an Ack looks only at those it can end. */
export class ReplicationWaits {
  /** A list that somebody walks along is not changed, but for what is pushed. */
  #waits: ReplicationWait[] = [];
  #over = 0;

  get size(): number {
    return this.#waits.length - this.#over;
  }

  add(wait: ReplicationWait): void {
    const waits = this.#waits;
    const last = waits.at(-1);
    if (last === undefined || last.seq <= wait.seq) {
      waits.push(wait);
      return;
    }
    let at = waits.length;
    while (at > 0 && (waits[at - 1] as ReplicationWait).seq > wait.seq) at -= 1;
    this.#waits = waits.toSpliced(at, 0, wait);
  }

  /** Marks one as over. */
  remove(wait: ReplicationWait): void {
    wait.isOver = true;
    this.#over += 1;
    if (this.#over <= OVER_MAX || 2 * this.#over <= this.#waits.length) return;
    this.#waits = this.#waits.filter(({ isOver }) => !isOver);
    this.#over = 0;
  }

  /** Those for changes up to a seq; they may be removed meanwhile. */
  *upTo(seq: bigint): Generator<ReplicationWait> {
    for (const wait of this.#waits) {
      if (wait.seq > seq) return;
      if (!wait.isOver) yield wait;
    }
  }
}
