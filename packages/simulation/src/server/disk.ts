import { fromBinary } from "@bufbuild/protobuf";
import { type Event, EventSchema } from "@lockstep/protocol";
import { MemoryJournal } from "@lockstep/server";
import type { Lineage } from "@lockstep/server/internal";
import type { Chance } from "../chance.ts";
import type { Marks } from "../marks/marks.ts";
import type { Scheduler } from "../time/scheduler.ts";
import type { SimProcess } from "../time/sim-process.ts";

type Journal = Pick<MemoryJournal, keyof MemoryJournal>;
type Batch = Parameters<MemoryJournal["append"]>[1];

/** How an append goes wrong. */
export type DiskFault = "written" | "not-written" | "torn" | "deposed";

/** How fast the disk is. */
export interface DiskSettings {
  readonly latencyMs: number;
  readonly jitterMs: number;
}

/** Who is told what happens on the disk. */
export interface DiskObserver {
  /** The server has decided these events and given them to the journal. */
  appended(events: readonly Event[]): void;
  /** These events are durable. */
  durable(events: readonly Event[]): void;
  /** A server opens what is on the disk: everything up to this revision. */
  opened(tail: bigint): void;
  /** Somebody put an older copy back: everything after this revision is gone. */
  restored(tail: bigint): void;
}

interface PendingBatch {
  readonly batch: Batch;
  readonly events: readonly Event[];
  /** It is on the disk, though the server may not know yet. */
  written: boolean;
}

/** The one disk of the server, over all its incarnations. */
export class Disk {
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #marks: Marks;
  readonly #observer: DiskObserver;
  #settings: DiskSettings;
  #journal = new MemoryJournal();
  #pending: PendingBatch[] = [];
  #lastAtMs = 0;
  #stalledUntilMs = 0;
  #fault: DiskFault | undefined;
  #failed = false;
  #onNextAppend: (() => void) | undefined;
  /** Every durable batch, as a backup would have it. */
  readonly #durable: Batch[] = [];
  #lineage: Lineage | undefined;

  constructor(
    scheduler: Scheduler,
    settings: DiskSettings,
    chance: Chance,
    marks: Marks,
    observer: DiskObserver,
  ) {
    this.#scheduler = scheduler;
    this.#settings = settings;
    this.#chance = chance;
    this.#marks = marks;
    this.#observer = observer;
    this.#journal.hold();
  }

  /** What the server that opens the disk next has to begin, when it cannot prove that the disk is complete. */
  get lineage(): Lineage | undefined {
    return this.#lineage;
  }

  /** What is on the disk, for a server that starts. */
  open(process: SimProcess): Journal {
    const journal = this.#journal;
    return new Proxy(journal, {
      get: (target, name) => {
        if (name === "append") {
          return (tail: bigint, batch: Batch) => this.#append(process, target, tail, batch);
        }
        if (name === "writeSnapshot" || name === "compact") {
          return async (what: never) => {
            await new Promise<void>((resolve) =>
              this.#scheduler.in(this.#tookMs(), () => process.input(resolve)),
            );
            this.#marks.hit(name === "compact" ? "history compacted" : "snapshot written");
            return target[name](what);
          };
        }
        const member = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  }

  /** Nothing is written for so long. */
  stall(forMs: number): void {
    this.#stalledUntilMs = this.#scheduler.nowMs + forMs;
    this.#marks.hit("disk stalls");
  }

  /** The next batch that is written goes wrong. */
  failNext(fault: DiskFault): void {
    this.#fault = fault;
  }

  /** Calls back once, right after the next batch was given to the journal. */
  onNextAppend(fn: () => void): void {
    this.#onNextAppend = fn;
  }

  heal(): void {
    this.#stalledUntilMs = 0;
    this.#fault = undefined;
    this.#onNextAppend = undefined;
    this.#settings = { latencyMs: 1, jitterMs: 0 };
  }

  /**
   * The process that wrote here has ended.
   * @param kept how many of the batches that were under way got written all the same
   */
  crash(kept: number): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#fault = undefined;
    const failed = this.#failed;
    this.#failed = false;
    let written = 0;
    while (pending[written]?.written) written += 1;
    const end = failed ? 0 : Math.min(pending.length, written + kept);
    if (end > written) this.#marks.hit("batch kept that nobody was told of", end - written);
    if (pending.length > end) this.#marks.hit("batch lost in a crash", pending.length - end);
    for (const batch of pending.slice(written, end)) this.#keep(batch);
    // Until the lineage has begun every server is told to begin it.
    const newLineage = this.#lineage;
    this.#journal = this.#journal.crash({ written: end, ...(newLineage && { newLineage }) });
    this.#journal.hold();
    if (this.#journal.droppedTornBatch) this.#marks.hit("torn batch dropped");
    this.#observer.opened(this.#journal.state().tail);
  }

  /**
   * An older copy is put back while no server runs. Nothing proves that it holds what was acknowledged, so the
   * next server begins a new lineage.
   * @param lostBatches how many of the last durable batches it lacks
   * @param grantPauseMs how long that server grants nothing
   */
  restore(lostBatches: number, unixMs: number, grantPauseMs: number): void {
    // The first batch of all begins the namespace: without it there is nothing to put back.
    if (this.#durable.length === 0) return;
    this.#durable.length = Math.max(1, this.#durable.length - lostBatches);
    const copy = new MemoryJournal();
    for (const batch of this.#durable) void copy.append(copy.state().tail, batch);
    const { tail } = copy.state();
    const start = { revision: BigInt(unixMs) * 1_000n, epoch: BigInt(unixMs) };
    this.#lineage = { ...start, grantPauseMs };
    this.#journal = copy.crash({ newLineage: start });
    this.#journal.hold();
    this.#marks.hit("older copy restored");
    this.#observer.restored(tail);
  }

  #keep({ batch, events }: PendingBatch): void {
    this.#durable.push(batch);
    this.#lineage = undefined;
    this.#observer.durable(events);
  }

  #tookMs(): number {
    const { latencyMs, jitterMs } = this.#settings;
    return latencyMs + jitterMs * this.#chance.fraction();
  }

  #append(process: SimProcess, journal: MemoryJournal, tail: bigint, batch: Batch): Promise<void> {
    const appended = journal.append(tail, batch);
    const pending = {
      batch,
      events: batch.records.map(({ bytes }) => fromBinary(EventSchema, bytes)),
      written: false,
    };
    this.#pending.push(pending);
    this.#observer.appended(pending.events);
    const earliest = Math.max(this.#lastAtMs, this.#stalledUntilMs);
    this.#lastAtMs = Math.max(this.#scheduler.nowMs + this.#tookMs(), earliest);
    this.#scheduler.at(this.#lastAtMs, () => this.#write(process, journal, pending));
    const onNextAppend = this.#onNextAppend;
    this.#onNextAppend = undefined;
    onNextAppend?.();
    return appended;
  }

  #write(process: SimProcess, journal: MemoryJournal, batch: PendingBatch): void {
    if (journal !== this.#journal || this.#failed) return;
    const fault = this.#fault;
    if (fault !== undefined && process.running && this.#pending[0] === batch) {
      this.#fail(journal, batch, fault);
      return;
    }
    batch.written = true;
    this.#keep(batch);
    process.input(() => {
      if (this.#pending[0] !== batch) return;
      this.#pending.shift();
      journal.settleNext();
    });
  }

  #fail(journal: MemoryJournal, batch: PendingBatch, fault: DiskFault): void {
    this.#marks.hit(`append fails: ${fault}`);
    this.#fault = undefined;
    this.#failed = true;
    if (fault === "written") this.#keep(batch);
    journal.failNext(fault);
    while (journal.settleNext());
  }
}
