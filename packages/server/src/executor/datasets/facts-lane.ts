import type { Journal } from "../../journal/journal.ts";
import type { TableRead, TableResults } from "../../journal/tables.ts";
import type { NamedRows } from "./named-rows.ts";

/** How many groups of reads may be under way. */
const GROUPS_UNDER_WAY_MAX = 4;
/** How many operations are read for at once; large reads count for many. */
const GROUP_WEIGHT_MAX = 1_024;
const LARGE_READ_WEIGHT = 64;

/** What was read for one operation. */
export interface LaneResult<T> {
  readonly item: T;
  readonly named: NamedRows;
  readonly results: readonly TableResults[TableRead["kind"]][];
  /** To be called once the operation is decided: what was read is not used any more. */
  readonly release: () => void;
}

interface Waiting<T> {
  readonly item: T;
  readonly named: NamedRows;
}

/** Operations whose rows are being read together. */
interface Group<T> {
  /** The durable revision when it was sent: what it has seen at least. */
  readonly revision: bigint;
  readonly waiting: readonly Waiting<T>[];
  results: readonly TableResults[TableRead["kind"]][] | undefined;
  /** What was read has been given to the operations. */
  handed: boolean;
  /** How many operations still use what was read. */
  users: number;
}

/** What a lane tells. */
export interface LaneObserver<T> {
  /** The rows of an operation were read; in the order in which operations were added. */
  read(result: LaneResult<T>): void;
  /** The journal failed; nothing more is read. */
  failed(error: Error): void;
}

/**
 * Where operations wait for the rows they name: those that wait at the end of a turn go to the journal as one
 * read, and come back in the order of their arrival. What names no rows never waits here.
 */
export class FactsLane<T> {
  readonly #journal: Pick<Journal, "readTables">;
  readonly #durableRevision: () => bigint;
  readonly #observer: LaneObserver<T>;
  #waiting: Waiting<T>[] = [];
  #groups: Group<T>[] = [];
  #underWay = 0;
  #failed = false;

  constructor(
    journal: Pick<Journal, "readTables">,
    durableRevision: () => bigint,
    observer: LaneObserver<T>,
  ) {
    this.#journal = journal;
    this.#durableRevision = durableRevision;
    this.#observer = observer;
  }

  /** Whether reads are under way. */
  get isReading(): boolean {
    return this.#underWay > 0;
  }

  /** Whether nobody waits, nor has yet to be decided with what was read. */
  get isEmpty(): boolean {
    return this.#waiting.length + this.#groups.length === 0;
  }

  add(item: T, named: NamedRows): void {
    this.#waiting.push({ item, named });
  }

  /** The lowest revision that a read whose result is still to be used may be as of; undefined without one. */
  get lowestInUse(): bigint | undefined {
    return this.#groups[0]?.revision;
  }

  /** Sends what waits, as far as may be under way. */
  send(): void {
    while (this.#waiting.length > 0 && this.#underWay < GROUPS_UNDER_WAY_MAX && !this.#failed) {
      const waiting = this.#waiting.splice(0, groupSize(this.#waiting));
      const group = {
        revision: this.#durableRevision(),
        waiting,
        results: undefined,
        handed: false,
        users: waiting.length,
      };
      this.#groups.push(group);
      this.#underWay += 1;
      this.#journal.readTables(waiting.flatMap(({ named }) => named.reads)).then(
        ({ results }) => this.#received(group, results),
        (error: unknown) => this.#fail(error),
      );
    }
  }

  #received(group: Group<T>, results: Group<T>["results"]): void {
    if (this.#failed) return;
    this.#underWay -= 1;
    group.results = results;
    for (const each of [...this.#groups]) {
      if (each.results === undefined) break;
      if (!each.handed) this.#hand(each, each.results);
    }
    this.send();
  }

  #hand(group: Group<T>, results: NonNullable<Group<T>["results"]>): void {
    group.handed = true;
    let at = 0;
    for (const { item, named } of group.waiting) {
      const own = results.slice(at, at + named.reads.length);
      at += named.reads.length;
      this.#observer.read({ item, named, results: own, release: () => this.#release(group) });
    }
  }

  #release(group: Group<T>): void {
    group.users -= 1;
    if (group.users === 0) this.#groups = this.#groups.filter((each) => each !== group);
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#observer.failed(error instanceof Error ? error : new Error(String(error)));
  }
}

/** How many of those that wait are read for together. */
function groupSize(waiting: readonly Waiting<unknown>[]): number {
  let weight = 0;
  for (const [index, { named }] of waiting.entries()) {
    weight += named.reads.some(isLarge) ? LARGE_READ_WEIGHT : 1;
    if (weight > GROUP_WEIGHT_MAX && index > 0) return index;
  }
  return waiting.length;
}

function isLarge({ kind }: TableRead): boolean {
  return kind !== "heads" && kind !== "records" && kind !== "position";
}
