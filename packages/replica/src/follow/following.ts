import { DigestError, ReplicaState } from "@lockstep/protocol";
import { Acker } from "../ack/acker.ts";
import { applyBatches, applyStaged, type Batch } from "../apply/batches.ts";
import type { Ground } from "../drift/locate.ts";
import type { Position } from "../rows.ts";
import { sameBytes } from "../rows.ts";
import { endChunks, isComplete, publishSnapshot, takeChunk } from "../snapshot/staging.ts";
import { compare } from "../verify/compare.ts";
import { checkKnown, knownPart } from "./known.ts";
import type { Parts } from "./parts.ts";
import { diverged, Restart, restartOf } from "./restart.ts";
import type { Part, Subscription } from "./subscription.ts";

/** Follows one subscription to its end. */
export class Following<Tx> {
  readonly #parts: Parts<Tx>;
  readonly #subscription: Subscription;
  readonly #signal: AbortSignal;
  readonly #acker: Acker;
  /** What an ack was answered that ends the subscription. */
  #ackFault: Error | undefined;
  /** A checkpoint that a part of an inspection came past must not start another one. */
  #inspecting = false;

  constructor(parts: Parts<Tx>, subscription: Subscription, signal: AbortSignal) {
    this.#parts = parts;
    this.#subscription = subscription;
    this.#signal = signal;
    const { settings, standing } = parts;
    this.#acker = new Acker({
      link: settings.link,
      clock: settings.clock,
      freshness: standing.freshness,
      request: () => this.#ackRequest(),
      answered: (headSeq) => {
        standing.sawHead(headSeq);
        standing.changed();
      },
      failed: (error) => this.#ackFailed(error),
    });
    standing.askHead = () => this.#acker.kick();
  }

  /** Settles when the subscription ends without a word; throws why it has to end otherwise. */
  async run(): Promise<void> {
    const { waker, holdings, duties, settings } = this.#parts;
    try {
      // It may have ended between the last change of a snapshot and its publication.
      await this.#publishIfComplete();
      for (;;) {
        this.#signal.throwIfAborted();
        if (this.#ackFault) throw this.#ackFault;
        let { woken } = waker;
        if (!holdings.staged && holdings.published && duties.areDue) {
          await this.#dutiesOnce(duties);
          // Whatever else there is to do, what has come meanwhile is applied first.
          woken = new Promise<void>((resolve) => settings.clock.afterOthers(resolve));
        }
        const part = await this.#subscription.next(this.#highSeq(), woken);
        if (!part) return;
        await this.#take(part);
      }
    } finally {
      this.#parts.standing.askHead = undefined;
      if (this.#signal.aborted) await this.#acker.leave();
      else this.#acker.stop();
    }
  }

  async #dutiesOnce(duties: Parts<Tx>["duties"]): Promise<void> {
    const { settings, holdings } = this.#parts;
    const ground: Ground<Tx> = {
      link: settings.link,
      dataset: settings.dataset,
      holdings,
      signal: this.#signal,
      reach: (asOf) => this.#reach(asOf),
    };
    this.#inspecting = true;
    try {
      await duties.run(ground);
    } finally {
      this.#inspecting = false;
    }
  }

  /** Applies up to exactly this position. */
  async #reach(asOf: Position): Promise<void> {
    for (;;) {
      this.#signal.throwIfAborted();
      const { cursor } = this.#parts.holdings.published?.progress ?? {};
      if (!cursor || cursor.seq > asOf.seq)
        throw diverged(`the server answers as of ${asOf.seq}, and the replica has ${cursor?.seq}`);
      if (cursor.seq === asOf.seq) {
        if (sameBytes(cursor.logHash, asOf.logHash)) return;
        throw diverged(`the log hash at ${asOf.seq} is not the server's`);
      }
      const part = await this.#subscription.next(asOf.seq);
      if (!part) throw new Restart("SUBSCRIBE", "the subscription ended during a comparison");
      await this.#take(part);
    }
  }

  /** Up to where changes may be applied at once: a snapshot is compared at its high. */
  #highSeq(): bigint | undefined {
    return this.#parts.holdings.staged?.progress.high?.seq;
  }

  async #take(part: Part): Promise<void> {
    const { standing, holdings } = this.#parts;
    switch (part.kind) {
      case "batches":
        standing.sawHead((part.batches.at(-1) as Batch).end.seq);
        if (holdings.staged) await this.#applyStaged(part.batches);
        else await this.#apply(part.batches);
        break;
      case "checkpoint":
        this.#compare(part.checkpoint);
        break;
      case "chunk":
        checkKnown(part.rows, this.#parts.settings.knows);
        await takeChunk(holdings, part.rows);
        standing.snapshot = {
          rows: holdings.staged?.digest.count ?? 0,
          estimate: part.estimate,
        };
        break;
      case "end":
        await endChunks(holdings, part.high);
        await this.#publishIfComplete();
        break;
      case "head":
        standing.sawHead(part.headSeq);
        break;
      case "woken":
        return;
    }
    this.#parts.progressed();
    standing.changed();
    if (part.kind === "batches") this.#acker.kick();
  }

  async #apply(all: readonly Batch[]): Promise<void> {
    const { settings, scrubber, duties } = this.#parts;
    const { known, unknown } = knownPart(all, settings.knows);
    try {
      await this.#applyKnown(known);
    } catch (error) {
      if (!(error instanceof DigestError)) throw error;
      // A row is not what the digest counted: somebody else has changed it.
      await scrubber.pass(this.#signal);
      duties.suspect();
      await this.#applyKnown(known);
    }
    if (unknown) throw unknown;
  }

  async #applyKnown(batches: readonly Batch[]): Promise<void> {
    const { holdings, courier, settings, lane } = this.#parts;
    const above = holdings.published?.progress.cursor.seq ?? 0n;
    for (let left = batches.filter(({ end }) => end.seq > above); left.length > 0; ) {
      const done = await courier.run(this.#signal, async (parking, probe) => {
        const some = probe ? left.slice(0, 1) : left;
        await lane(() => applyBatches(holdings, some, settings.apply, parking));
        return some.length;
      });
      left = left.slice(done);
    }
  }

  async #applyStaged(all: readonly Batch[]): Promise<void> {
    const { known, unknown } = knownPart(all, this.#parts.settings.knows);
    if (known.length > 0) await applyStaged(this.#parts.holdings, known);
    if (unknown) throw unknown;
    await this.#publishIfComplete();
  }

  async #publishIfComplete(): Promise<void> {
    const { holdings, settings, courier, standing, inspector, duties, tell, lane } = this.#parts;
    if (!isComplete(holdings)) return;
    await lane(() => publishSnapshot(holdings, settings.apply, courier, this.#signal));
    standing.snapshot = undefined;
    inspector.forget();
    duties.published();
    this.#parts.published();
    const { progress, digest } = holdings.published ?? {};
    tell({ type: "published", seq: progress?.cursor.seq ?? 0n, rows: digest?.count ?? 0 });
    this.#acker.kick();
  }

  #compare(checkpoint: Parameters<typeof compare>[1]): void {
    const { holdings, duties, standing, tell } = this.#parts;
    const { seq } = checkpoint;
    const { published, staged } = holdings;
    const result = staged || !published ? "NOT_COMPARED" : compare(published, checkpoint);
    const differs = result === "HISTORY" || result === "ROWS";
    tell({ type: "checkpoint", seq, verdict: differs ? "MISMATCH" : result });
    if (result === "HISTORY") throw diverged(`the log hash at ${seq} is not the server's`);
    if (result === "MATCH") {
      holdings.verified(seq);
      if (standing.drift && !this.#inspecting) duties.clear();
    }
    if (result === "ROWS" && !this.#inspecting) duties.suspect();
  }

  #ackRequest() {
    const { settings, registration } = this.#parts;
    const { dataset, replica } = settings;
    const { generation } = registration;
    const { subscriptionId } = this.#subscription.started;
    return { dataset, replica, generation, subscriptionId, ...this.#ackState() };
  }

  /** Rows of a snapshot that is not published yet count for nobody, so a replica that takes one over never says OK. */
  #ackState() {
    const { holdings, standing } = this.#parts;
    const { published, staged } = holdings;
    const unusable = published !== undefined && !standing.readable;
    const state = unusable ? ReplicaState.QUARANTINED : ReplicaState.DEGRADED;
    if (staged || !published) {
      const appliedSeq = staged?.progress.high ? staged.progress.cursor.seq : 0n;
      return { appliedSeq, verifiedSeq: 0n, state };
    }
    const { cursor, verifiedSeq } = published.progress;
    const degraded = unusable || standing.state === "DEGRADED";
    return { appliedSeq: cursor.seq, verifiedSeq, state: degraded ? state : ReplicaState.OK };
  }

  #ackFailed(error: unknown): void {
    const { settings, waker } = this.#parts;
    const reason = (error as { reason?: string }).reason ?? "";
    if (!ENDING.has(reason)) return;
    const fault = restartOf(error, settings.replica);
    // What the server has lost it judges itself, when it is asked to go on from there.
    const judged = reason === "LOG_DIVERGED" ? new Restart("SUBSCRIBE", fault.message) : fault;
    this.#ackFault ??= judged;
    waker.wake();
  }
}

/** What an ack may be answered that says that this subscription, or generation, is over. */
const ENDING: ReadonlySet<string> = new Set([
  "REPLICA_UNKNOWN",
  "REPLICA_SUPERSEDED",
  "SUBSCRIPTION_UNKNOWN",
  "LOG_DIVERGED",
  "ACK_REGRESSED",
  "DATASET_UNKNOWN",
]);
