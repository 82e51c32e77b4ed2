import type { NamespaceState } from "@lockstep/core";
import { type Event, type NamespaceCounters, SessionState } from "@lockstep/protocol";
import type { Stalls } from "../ports/loop-lag.ts";

/** Measures of a namespace since its epoch started. */
export class Counters {
  operations = 0n;
  keepAlives = 0n;
  commitsPending = 0;
  #events = 0n;
  #batches = 0n;
  #batchEventsMax = 0;
  #commitTimeUs = 0;
  #commitTimeUsMax = 0;
  #expiries = 0n;
  #grants = 0n;
  #losses = 0n;
  #appends = 0n;
  #changes = 0n;

  /** Counts a batch that has become durable. */
  committed(events: readonly Event[], tookMs: number): void {
    this.#batches += 1n;
    this.#events += BigInt(events.length);
    this.#batchEventsMax = Math.max(this.#batchEventsMax, events.length);
    const tookUs = Math.round(tookMs * 1_000);
    this.#commitTimeUs += tookUs;
    this.#commitTimeUsMax = Math.max(this.#commitTimeUsMax, tookUs);
    for (const { body } of events) {
      if (body.case === "lockGranted") this.#grants += 1n;
      else if (body.case === "lockLost") this.#losses += 1n;
      else if (body.case === "sessionEnded" && body.value.state === SessionState.EXPIRED)
        this.#expiries += 1n;
      else if (body.case === "appended") {
        this.#appends += 1n;
        this.#changes += body.value.lastSeq - body.value.firstSeq + 1n;
      }
    }
  }

  /** The message. `watches` and `subscriptions` are 0 in it: they are counted where they are served. */
  view(state: NamespaceState, stalls: Stalls): NamespaceCounters {
    return {
      $typeName: "lockstep.v1.NamespaceCounters",
      operations: this.operations,
      events: this.#events,
      batches: this.#batches,
      batchEventsMax: BigInt(this.#batchEventsMax),
      commitTimeUs: BigInt(this.#commitTimeUs),
      commitTimeUsMax: BigInt(this.#commitTimeUsMax),
      commitsPending: this.commitsPending,
      loopLagMsMax: BigInt(Math.round(stalls.maxMs)),
      sessions: BigInt(state.activeSessions),
      holds: BigInt(state.holds.size),
      waiters: BigInt(state.tickets.size),
      watches: 0n,
      expiries: this.#expiries,
      keepAlives: this.keepAlives,
      grants: this.#grants,
      losses: this.#losses,
      datasets: BigInt(state.datasets.size),
      appends: this.#appends,
      changes: this.#changes,
      subscriptions: 0n,
    };
  }
}
