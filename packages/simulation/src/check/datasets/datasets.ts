import {
  AppendOutcome,
  type AppendResponse,
  type Event,
  ReplicationMode,
} from "@lockstep/protocol";
import type { Marks } from "../../marks/marks.ts";
import type { AnyOp } from "../../server/observed-namespace.ts";
import { demand } from "../violation.ts";
import { DatasetLog, type RowsState } from "./dataset-log.ts";
import { type DigestScope, entryOf, type PlainRow } from "./plain-digest.ts";

type AppendOp = Extract<AnyOp, { kind: "append" }>;

/** What a replica has committed. */
export interface Committed {
  readonly replica: string;
  readonly seq: bigint;
  readonly logHash: Uint8Array;
  readonly scope: DigestScope;
  readonly rows: readonly PlainRow[];
  /** Somebody has changed rows behind its back, and it has not come to right rows since. */
  readonly damaged: boolean;
}

/** The clocks of two machines differ by less than this share. */
const CLOCK_SHARE = 1.01;
/** What the rounding of clocks may cost, milliseconds. */
const ROUNDING_MS = 2;

/** Watches that logs, appends and replicas are what the contract promises, on a state of its own made from durable events. */
export class Datasets {
  readonly #marks: Marks;
  readonly #logs = new Map<string, DatasetLog>();
  /** What the rows are at each end of a batch there has ever been, by log hash: that of a lost history is another. */
  readonly #states = new Map<string, RowsState>();
  /** How far a replica has ever applied the log as it is now, by name. */
  readonly #applied = new Map<string, bigint>();
  /** The last seq acknowledged by then, by rising time and seq. */
  #acknowledged: { readonly atMs: number; readonly seq: bigint }[] = [];
  readonly #entries = new Map<string, bigint>();

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  /** The log of a dataset as it is now. */
  log(dataset: string): DatasetLog | undefined {
    return this.#logs.get(dataset);
  }

  /** Whether the log as it is now has this position. */
  isOfLog(dataset: string, seq: bigint, logHash: Uint8Array): boolean {
    const hash = this.#logs.get(dataset)?.hashes[Number(seq)];
    return hash === Buffer.from(logHash).toString("hex");
  }

  /** An event is durable. */
  take(event: Event): void {
    const { body, journalOnly } = event;
    if (body.case === "datasetCreated") {
      const log = new DatasetLog(body.value, journalOnly?.salt ?? new Uint8Array());
      this.#logs.set(body.value.dataset, log);
      this.#remember(log);
    } else if (body.case === "datasetDeleted") {
      this.#logs.delete(body.value.dataset);
    } else if (body.case === "appended") {
      const { firstSeq, lastSeq, logHash } = body.value;
      this.#append(body.value, event, firstSeq, lastSeq, logHash);
    } else if (body.case === "datasetUpdated") {
      const { seq, logHash } = body.value;
      this.#append(body.value, event, seq, seq, logHash);
    } else if (body.case === "datasetCheckpointed") {
      this.#marks.hit("checkpoint");
      this.#logOf(body.value).checkpoint(body.value);
    } else if (body.case === "logTrimmed") {
      this.#marks.hit("log trimmed");
      this.#logOf(body.value).trim(body.value);
    }
  }

  /** An older copy is all there is: what is left is told anew. */
  rewind(events: readonly Event[]): void {
    this.#logs.clear();
    this.#acknowledged = [];
    for (const event of events) this.take(event);
    const [log] = this.#logs.values();
    for (const [replica, seq] of this.#applied)
      this.#applied.set(replica, smaller(seq, log?.head ?? 0n));
  }

  /** The answer to an append leaves the server. */
  answered({ request }: AppendOp, reply: AppendResponse, atMs: number): void {
    const log = this.#logs.get(request.dataset);
    for (const [at, { idempotencyKey }] of request.changes.entries()) {
      const told = reply.changes[at];
      demand(
        log !== undefined && told !== undefined && told.seq === log.seqOf(idempotencyKey),
        "an acknowledged change is in the log under the seq it was told",
        () => `${idempotencyKey} is at ${log?.seqOf(idempotencyKey)}, not at ${told?.seq}`,
      );
      if (told.duplicate) this.#marks.hit("append answered as a duplicate");
    }
    const last = this.#acknowledged.at(-1)?.seq ?? 0n;
    if (reply.lastSeq > last) this.#acknowledged.push({ atMs, seq: reply.lastSeq });
    this.#marks.hit(`append: ${AppendOutcome[reply.outcome]}`);
    const { mode, replicas = 0 } = request.durability ?? {};
    if (mode === ReplicationMode.QUORUM && reply.outcome === AppendOutcome.APPENDED)
      this.#isAt(replicas, reply.lastSeq);
  }

  /** A replica has committed a transaction. Returns whether its rows are right. */
  committed({ replica, seq, logHash, scope, rows, damaged }: Committed): boolean {
    const hash = Buffer.from(logHash).toString("hex");
    const state = this.#states.get(hash);
    demand(
      state?.seq === seq,
      "a replica stands at the end of a batch of the log",
      () => `${replica} stands at ${seq} with ${hash}; there it is ${state?.seq}`,
    );
    const sum = rows.reduce((all, row) => all + this.#entry(scope, row), 0n);
    const right = sum === state.sum && rows.length === state.count;
    demand(
      right || damaged,
      "a replica's rows are exactly those of its position",
      () => `${replica} has ${rows.length} rows at ${seq}, the log makes ${state.count} others`,
    );
    if (this.isOfLog(scope.dataset, seq, logHash) && seq > (this.#applied.get(replica) ?? -1n))
      this.#applied.set(replica, seq);
    return right;
  }

  /** A replica was read: whatever was acknowledged so long before is in what it showed. */
  read(replica: string, appliedSeq: bigint, stalenessMs: number, atMs: number): void {
    const thenMs = atMs - stalenessMs * CLOCK_SHARE - ROUNDING_MS;
    const known = this.#acknowledged.findLast((one) => one.atMs <= thenMs)?.seq ?? 0n;
    demand(
      appliedSeq >= known,
      "staleness is never understated",
      () =>
        `${replica} shows ${appliedSeq} as at most ${stalenessMs} ms old, ${known} was acknowledged before`,
    );
  }

  /** How many replicas have applied the log up to a change, ever since it was made. */
  #isAt(replicas: number, seq: bigint): void {
    const there = [...this.#applied].filter(([, applied]) => applied >= seq);
    demand(
      there.length >= replicas,
      "an acknowledged QUORUM append is applied at so many replicas",
      () => `${seq} is at [${there.map(([name]) => name)}], ${replicas} were asked for`,
    );
    this.#marks.hit("quorum reached");
  }

  #append(
    body: { readonly dataset: string; readonly datasetId: bigint },
    { journalOnly }: Event,
    firstSeq: bigint,
    lastSeq: bigint,
    logHash: Uint8Array,
  ): void {
    const log = this.#logOf(body);
    const changes = journalOnly?.changes.flatMap(({ change }) => change ?? []) ?? [];
    log.append(changes, firstSeq, lastSeq, logHash);
    this.#remember(log);
  }

  #remember(log: DatasetLog): void {
    this.#states.set(log.hashes.at(-1) ?? "", log.state);
  }

  #logOf({
    dataset,
    datasetId,
  }: {
    readonly dataset: string;
    readonly datasetId: bigint;
  }): DatasetLog {
    const log = this.#logs.get(dataset);
    demand(
      log?.id === datasetId,
      "an event is about a dataset that there is",
      () => `${dataset} ${datasetId}, there is ${log?.id}`,
    );
    return log;
  }

  #entry(scope: DigestScope, row: PlainRow): bigint {
    const { key, value, seq, schemaVersion } = row;
    const parts = [scope.salt, key, value].map((bytes) => Buffer.from(bytes).toString("hex"));
    const name = `${parts.join()} ${seq} ${schemaVersion}`;
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const { number } = entryOf(scope, row);
    this.#entries.set(name, number);
    return number;
  }
}

function smaller(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}
