import { create } from "@bufbuild/protobuf";
import type { Fields } from "@lockstep/client";
import {
  type SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "@lockstep/protocol";
import { sameBytes, textOf } from "../rows.ts";
import { type FakeAuthority, refused, unreachable } from "./fake-authority.ts";

const HEARTBEAT_MS = 1_000;

type Part = NonNullable<Parameters<typeof create<typeof SubscribeResponseSchema>>[1]>["part"];
type Request = Fields<typeof SubscribeRequestSchema>;

/** One subscription of a scripted server: it pulls from the log by a cursor, as the real one does. */
export class FakeSubscription {
  readonly #authority: FakeAuthority;
  readonly #request: Request;
  readonly #signal: AbortSignal;
  #wake = () => {};
  #isCut = false;
  #cursor = 0n;
  #checkpoint = -1n;

  constructor(authority: FakeAuthority, request: Request, signal: AbortSignal) {
    this.#authority = authority;
    this.#request = request;
    this.#signal = signal;
  }

  wake(): void {
    this.#wake();
  }

  cut(): void {
    this.#isCut = true;
    this.#wake();
  }

  async *parts(
    begun: () => void,
    ended: () => void,
  ): AsyncGenerator<SubscribeResponse, void, undefined> {
    begun();
    try {
      for await (const part of this.#all()) {
        if (this.#signal.aborted) return;
        if (this.#isCut) throw unreachable();
        const response = create(SubscribeResponseSchema, { part });
        const fault = this.#authority.spoil(response.part);
        if (fault === "cut") throw unreachable();
        if (fault === "drop") continue;
        yield response;
        if (fault === "twice") yield response;
      }
    } finally {
      ended();
    }
  }

  async *#all(): AsyncGenerator<NonNullable<Part>> {
    const authority = this.#authority;
    await Promise.resolve();
    if (!authority.reachable) throw unreachable();
    authority.arrivals.push({ call: "subscribe", request: this.#request });
    const meddling = authority.meddle({ call: "subscribe", request: this.#request });
    if (meddling instanceof Error) throw meddling;
    await meddling;
    authority.requireReplica(this.#request as { generation?: bigint });
    yield* this.#begin();
    for (;;) {
      await this.#turn();
      if (this.#signal.aborted) return;
      if (this.#isCut) throw unreachable();
      const next = authority.talks ? this.#next() : undefined;
      if (next) yield next;
      else if (await this.#idle())
        yield { case: "heartbeat", value: { headSeq: authority.log.head.seq } };
    }
  }

  async *#begin(): AsyncGenerator<NonNullable<Part>> {
    const authority = this.#authority;
    const { log } = authority;
    const { start } = this.#request;
    authority.subscriptionId = authority.nextRevision();
    const common = {
      datasetId: log.datasetId,
      salt: log.salt,
      createdEpoch: log.createdEpoch,
      subscriptionId: authority.subscriptionId,
      floor: log.at(log.floor),
      head: log.head,
    };
    if (start?.case === "cursor") {
      const { seq = 0n, logHash = new Uint8Array() } = start.value;
      if (seq > log.head.seq || !sameBytes(log.at(seq).logHash, logHash))
        throw refused("FAILED_PRECONDITION", "LOG_DIVERGED");
      if (seq < log.floor) throw refused("OUT_OF_RANGE", "COMPACTED");
      this.#cursor = seq;
      yield { case: "started", value: { ...common, low: log.at(seq) } };
      return;
    }
    yield* this.#snapshot(common);
  }

  async *#snapshot(common: object): AsyncGenerator<NonNullable<Part>> {
    const authority = this.#authority;
    const { log, snapshots } = authority;
    const { start } = this.#request;
    const resumed = start?.case === "snapshot" ? start.value : undefined;
    const known = snapshots.get(resumed?.snapshotId ?? 0n);
    if (resumed && known === undefined) throw refused("OUT_OF_RANGE", "COMPACTED");
    const snapshotId = resumed?.snapshotId ?? authority.nextRevision();
    const low = known ?? log.head.seq;
    snapshots.set(snapshotId, low);
    this.#cursor = low;
    yield { case: "started", value: { ...common, snapshotId, low: log.at(low) } };
    let after = textOf(resumed?.afterKey ?? new Uint8Array());
    for (let sent = 0; ; ) {
      await this.#turn();
      authority.beforeChunk(sent);
      const names = [...authority.log.rows.keys()].filter((name) => name > after).sort();
      const rows = names
        .slice(0, authority.chunkRows)
        .map((name) => authority.log.rows.get(name))
        .filter((row) => row !== undefined);
      if (rows.length === 0) break;
      after = names[rows.length - 1] as string;
      sent += rows.length;
      yield { case: "snapshotChunk", value: { rows, rowsEstimate: BigInt(log.rows.size) } };
    }
    yield { case: "snapshotEnd", value: { high: log.state() } };
  }

  /** What the log has next, if anything. */
  #next(): NonNullable<Part> | undefined {
    const { log, batchesPerMessage } = this.#authority;
    const cursor = this.#cursor;
    const checkpoint = log.checkpoints.find(({ seq }) => seq > this.#checkpoint && seq >= cursor);
    if (checkpoint?.seq === cursor) {
      this.#checkpoint = cursor;
      return { case: "checkpoint", value: checkpoint };
    }
    const bound = checkpoint?.seq ?? log.head.seq;
    const ends = log.ends.filter((end) => end > cursor && end <= bound).slice(0, batchesPerMessage);
    const last = ends.at(-1);
    if (last === undefined) return undefined;
    this.#cursor = last;
    const { logHash } = log.at(last);
    const changes = log.changes.slice(Number(cursor), Number(last));
    const value = { prevSeq: cursor, changes, lastSeq: last, logHash, batchEnds: ends };
    return { case: "changes", value };
  }

  /** Whether a second has passed without anything. */
  async #idle(): Promise<boolean> {
    const { clock } = this.#authority;
    return await new Promise<boolean>((resolve) => {
      const end = (passed: boolean) => {
        timer.cancel();
        this.#signal.removeEventListener("abort", onAbort);
        this.#wake = () => {};
        resolve(passed);
      };
      const onAbort = () => end(false);
      const timer = clock.after(HEARTBEAT_MS, () => end(this.#authority.talks));
      this.#wake = () => end(false);
      this.#signal.addEventListener("abort", onAbort, { once: true });
      if (this.#signal.aborted) end(false);
    });
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#authority.clock.afterTurn(resolve));
  }
}
