import {
  type Clock,
  type Fields,
  type ReplicationLink,
  ServerUnreachableError,
} from "@lockstep/client";
import type {
  Changes,
  Checkpoint,
  Row,
  Started,
  SubscribeRequestSchema,
  SubscribeResponse,
} from "@lockstep/protocol";
import type { Batch } from "../apply/batches.ts";
import type { HashedChange, Hashes } from "../digest/hashes.ts";
import { UnknownChangeError } from "../errors.ts";
import { type Position, sameBytes } from "../rows.ts";
import { diverged, Restart } from "./restart.ts";

/** A server says something each second. After so long without a word the subscription is given up, milliseconds. */
const SILENCE_MS = 10_000;

/** What comes next on a subscription. */
export type Part =
  | { readonly kind: "batches"; readonly batches: readonly Batch[] }
  | { readonly kind: "checkpoint"; readonly checkpoint: Checkpoint }
  | { readonly kind: "chunk"; readonly rows: readonly Row[]; readonly estimate: number }
  | { readonly kind: "end"; readonly high: Checkpoint }
  | { readonly kind: "head"; readonly headSeq: bigint }
  /** Nothing came: there is something else to do. */
  | { readonly kind: "woken" };

/** Reads one subscription, part by part; nothing is read that is not asked for. */
export class Subscription {
  readonly started: Started;
  readonly #messages: AsyncIterator<SubscribeResponse>;
  readonly #clock: Clock;
  readonly #stop: AbortController;
  #hashes: Hashes | undefined;
  #received: Position;
  /** What comes now is changes: there are no rows, or they have all come. */
  #isTail: boolean;
  /** The head that the last heartbeat told. */
  #owed = 0n;
  #batches: Batch[] = [];
  #next: Promise<IteratorResult<SubscribeResponse>> | undefined;

  private constructor(
    started: Started,
    messages: AsyncIterator<SubscribeResponse>,
    clock: Clock,
    stop: AbortController,
  ) {
    this.started = started;
    this.#messages = messages;
    this.#clock = clock;
    this.#stop = stop;
    this.#received = positionOf(started.low);
    this.#isTail = started.snapshotId === 0n;
  }

  /** Subscribes, and waits for what is followed. */
  static async open(
    link: Pick<ReplicationLink, "subscribe">,
    request: Fields<typeof SubscribeRequestSchema>,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<Subscription> {
    const stop = new AbortController();
    const onAbort = () => stop.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    // A replica may subscribe many times in its life.
    stop.signal.addEventListener("abort", () => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) stop.abort();
    const messages = link.subscribe(request, stop.signal)[Symbol.asyncIterator]();
    try {
      const first = await withinSilence(clock, messages.next());
      const { part } = first.done ? { part: undefined } : first.value;
      if (part?.case !== "started")
        throw new Restart("SUBSCRIBE", "a subscription ended before it began");
      return new Subscription(part.value, messages, clock, stop);
    } catch (error) {
      stop.abort();
      throw error;
    }
  }

  /** Changes are hashed by these from here on. */
  hashWith(hashes: Hashes): void {
    this.#hashes = hashes;
  }

  /**
   * What comes next; undefined when it has ended.
   * @param upTo no batch above this seq, which must be the end of one; the rest comes later
   * @param woken settles when something else is to be done
   */
  async next(upTo: bigint | undefined, woken?: Promise<void>): Promise<Part | undefined> {
    if (this.#batches.length > 0) return { kind: "batches", batches: this.#take(upTo) };
    this.#next ??= this.#messages.next();
    const waits: Promise<IteratorResult<SubscribeResponse> | undefined>[] = [this.#next];
    if (woken) waits.push(woken.then(() => undefined));
    const result = await withinSilence(this.#clock, Promise.race(waits));
    if (!result) return { kind: "woken" };
    this.#next = undefined;
    if (result.done) return undefined;
    return this.#partOf(result.value, upTo);
  }

  /** Ends it. */
  close(): void {
    this.#stop.abort();
    // Whoever waits for a message is told the end; nobody waits for that.
    this.#next?.catch(() => {});
    void Promise.resolve(this.#messages.return?.()).catch(() => {});
  }

  #partOf({ part }: SubscribeResponse, upTo: bigint | undefined): Part {
    switch (part.case) {
      case "changes":
        this.#batches = this.#batchesOf(part.value);
        return { kind: "batches", batches: this.#take(upTo) };
      case "checkpoint":
        return { kind: "checkpoint", checkpoint: part.value };
      case "snapshotChunk": {
        const { rows, rowsEstimate } = part.value;
        return { kind: "chunk", rows, estimate: Number(rowsEstimate) };
      }
      case "snapshotEnd":
        if (!part.value.high) throw new Restart("SUBSCRIBE", "a snapshot ended without its state");
        this.#isTail = true;
        return { kind: "end", high: part.value.high };
      case "heartbeat":
        return this.#headOf(part.value.headSeq);
      case "started":
        throw new Restart("SUBSCRIBE", "a subscription began twice");
      default:
        throw new UnknownChangeError(this.#received.seq, "a part of a kind");
    }
  }

  /**
   * The head of an idle subscription. What it tells of has to come before the next one tells of it again: otherwise it
   * was lost on the way, and nothing after it would show that.
   */
  #headOf(headSeq: bigint): Part {
    const { seq } = this.#received;
    if (this.#owed > seq)
      throw new Restart("SUBSCRIBE", `the changes from ${seq} to ${this.#owed} did not come`);
    // Before all rows of a snapshot are there, nothing else is owed.
    if (this.#isTail) this.#owed = headSeq;
    return { kind: "head", headSeq };
  }

  /** Looks through a whole message before any of it is applied: its place, its order, and its log hash. */
  #batchesOf({ prevSeq, changes, lastSeq, logHash, batchEnds }: Changes): Batch[] {
    const hashes = this.#hashes;
    if (!hashes) throw new Error("nothing to hash changes with");
    if (prevSeq !== this.#received.seq)
      throw new Restart("SUBSCRIBE", `changes behind ${prevSeq} came at ${this.#received.seq}`);
    const ends = new Set(batchEnds);
    const batches: Batch[] = [];
    let batch: Batch["changes"][number][] = [];
    let position = this.#received;
    const { hashed, logHashes } = hashes.changes(changes, position.logHash);
    for (const [at, change] of changes.entries()) {
      if (change.seq !== position.seq + 1n)
        throw new Restart("SUBSCRIBE", `change ${change.seq} came after ${position.seq}`);
      position = { seq: change.seq, logHash: logHashes[at] as Uint8Array };
      batch.push(hashed[at] as HashedChange);
      if (!ends.has(change.seq)) continue;
      batches.push({ changes: batch, end: position });
      batch = [];
    }
    if (batch.length > 0 || position.seq !== lastSeq)
      throw new Restart("SUBSCRIBE", `a message ends at ${position.seq} and not at ${lastSeq}`);
    if (!sameBytes(position.logHash, logHash))
      throw diverged(`the log hash at ${lastSeq} is not that of its changes`);
    this.#received = position;
    return batches;
  }

  #take(upTo: bigint | undefined): Batch[] {
    const above = upTo === undefined ? -1 : this.#batches.findIndex(({ end }) => end.seq > upTo);
    const taken = this.#batches.splice(0, above < 0 ? this.#batches.length : above);
    if (taken.length === 0) throw diverged(`seq ${upTo} is not the end of a batch`);
    return taken;
  }
}

/** The position a message has; the beginning when it has none. */
export function positionOf(message: Position | undefined): Position {
  return { seq: message?.seq ?? 0n, logHash: message?.logHash ?? new Uint8Array() };
}

async function withinSilence<T>(clock: Clock, next: Promise<T>): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const timer = clock.after(SILENCE_MS, () =>
      reject(new ServerUnreachableError(`the subscription, silent for ${SILENCE_MS} ms`)),
    );
    next.then(resolve, reject).finally(() => timer.cancel());
  });
}
