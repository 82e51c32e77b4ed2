import {
  AppendOutcome,
  type AppendResponse,
  ChangeOp,
  type ErrorReason,
  type Event,
  ReplicationMode,
} from "@lockstep/protocol";
import type { Marks } from "../../marks/marks.ts";
import type { AnyOp } from "../../server/observed-namespace.ts";
import type { Ledger } from "../records.ts";
import { demand } from "../violation.ts";
import { DatasetLog } from "./dataset-log.ts";
import { DatasetReads } from "./dataset-reads.ts";
import { Fences } from "./fences.ts";
import { Positions } from "./positions.ts";

type AppendOp = Extract<AnyOp, { kind: "append" }>;

/** Watches that logs, appends and replicas are what the contract promises, on a state of its own made from durable events. */
export class Datasets {
  readonly positions = new Positions();
  readonly reads: DatasetReads;
  readonly #marks: Marks;
  readonly #fences: Fences;
  readonly #logs = new Map<string, DatasetLog>();
  /** Those of deleted datasets: what was acknowledged before is not taken back. */
  #deleted: DatasetLog[] = [];
  /** The last seq acknowledged by then, by rising time and seq. */
  #acknowledged: { readonly atMs: number; readonly seq: bigint }[] = [];

  /** @param ledger all locks, up to the event that is being taken */
  constructor(ledger: () => Ledger, marks: Marks) {
    this.#marks = marks;
    this.#fences = new Fences(ledger, marks);
    this.reads = new DatasetReads(this);
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

  /** The last seq that had been acknowledged by then, of the dataset that there is. */
  acknowledgedBy(thenMs = Number.POSITIVE_INFINITY): bigint {
    return this.#acknowledged.findLast(({ atMs }) => atMs <= thenMs)?.seq ?? 0n;
  }

  /** An event is durable. */
  take(event: Event): void {
    const { body, journalOnly } = event;
    if (body.case === "appended" && this.#logs.get(body.value.dataset) !== undefined) {
      const { policy } = this.#logOf(body.value);
      for (const { change } of journalOnly?.changes ?? [])
        if (change) this.#fences.appended(change.idempotencyKey, policy);
    }
    this.#take(event);
  }

  /** An older copy is all there is: what is left is told anew. */
  rewind(events: readonly Event[]): void {
    this.#logs.clear();
    this.#deleted = [];
    for (const event of events) this.#take(event);
    this.#acknowledged = [];
  }

  /** An append reaches the server. */
  submitted(op: AppendOp): void {
    this.#fences.submitted(op, this.#logs.get(op.request.dataset));
  }

  /** An append is refused. */
  refused(op: AppendOp, reason: ErrorReason): void {
    this.#fences.refused(op, reason, this.#logs.get(op.request.dataset));
  }

  /** The answer to an append leaves the server. */
  answered(op: AppendOp, reply: AppendResponse, atMs: number): void {
    const { request } = op;
    const live = this.#logs.get(request.dataset);
    const logs = [live, ...this.#deleted].filter((log) => log?.scope.dataset === request.dataset);
    const log = logs.find((one) => one && isAsTold(op, reply, one));
    demand(
      log !== undefined,
      "an acknowledged change is in the log under the seq it was told",
      () =>
        request.changes
          .map(({ idempotencyKey }, at) => {
            const is = live?.seqOf(idempotencyKey);
            return `${idempotencyKey} is at ${is}, not at ${reply.changes[at]?.seq}`;
          })
          .join(),
    );
    const duplicates = reply.changes.filter(({ duplicate }) => duplicate).length;
    if (duplicates > 0) this.#marks.hit("append answered as a duplicate");
    if (duplicates === reply.changes.length) this.#fences.repeated(op, log);
    this.#marks.hit(`append: ${AppendOutcome[reply.outcome]}`);
    if (log !== live) this.#marks.hit("append answered after its dataset was deleted");
    else if (reply.lastSeq > this.acknowledgedBy())
      this.#acknowledged.push({ atMs, seq: reply.lastSeq });
    // A duplicate is answered by a policy that may have changed since.
    if (duplicates === 0 || (request.durability?.mode ?? 0) !== ReplicationMode.UNSPECIFIED)
      this.#cameAsFar(op, reply, log);
  }

  /** What was answered APPENDED is at as many replicas as was asked for, or else as the policy says. */
  #cameAsFar({ request }: AppendOp, { outcome, lastSeq }: AppendResponse, log: DatasetLog): void {
    if (outcome !== AppendOutcome.APPENDED) return;
    const { defaultDurability, minInSync } = log.policyAt(lastSeq);
    const asked = request.durability;
    const byDefault = asked === undefined || asked.mode === ReplicationMode.UNSPECIFIED;
    const { mode = ReplicationMode.LOCAL, replicas = 0 } =
      (byDefault ? defaultDurability : asked) ?? {};
    if (mode === ReplicationMode.QUORUM) {
      this.#isAt(replicas, lastSeq, log);
      this.#marks.hit(byDefault ? "quorum of the policy reached" : "quorum reached");
    } else if (mode === ReplicationMode.ALL_IN_SYNC) {
      this.#isAt(Math.max(1, minInSync), lastSeq, log);
      this.#marks.hit("all in sync reached");
    }
  }

  #isAt(replicas: number, seq: bigint, log: DatasetLog): void {
    const there = this.positions.whoReached(log, seq);
    demand(
      there.length >= replicas,
      "an acknowledged QUORUM append is applied at so many replicas",
      () => `${seq} is at [${there}], ${replicas} were asked for`,
    );
  }

  #take({ body, journalOnly }: Event): void {
    const changes = journalOnly?.changes.flatMap(({ change }) => change ?? []) ?? [];
    if (body.case === "datasetCreated") {
      const log = new DatasetLog(body.value, journalOnly?.salt ?? new Uint8Array());
      this.#logs.set(body.value.dataset, log);
      this.positions.add(log);
    } else if (body.case === "datasetDeleted") {
      this.#marks.hit("dataset deleted");
      this.#deleted.push(this.#logOf(body.value));
      this.#logs.delete(body.value.dataset);
      this.#acknowledged = [];
    } else if (body.case === "appended") {
      const { firstSeq, lastSeq, logHash } = body.value;
      const log = this.#logOf(body.value);
      log.append(changes, firstSeq, lastSeq, logHash);
      if (changes.some(({ op }) => op === ChangeOp.DELETE)) this.#marks.hit("row deleted");
      this.positions.add(log);
    } else if (body.case === "datasetUpdated") {
      const log = this.#logOf(body.value);
      log.update(body.value, changes);
      this.#marks.hit("policy changed in the log");
      this.positions.add(log);
    } else if (body.case === "datasetCheckpointed") {
      this.#marks.hit("checkpoint");
      this.#logOf(body.value).checkpoint(body.value);
    } else if (body.case === "logTrimmed") {
      this.#marks.hit("log trimmed");
      this.#logOf(body.value).trim(body.value);
    }
  }

  #logOf(body: { readonly dataset: string; readonly datasetId: bigint }): DatasetLog {
    const { dataset, datasetId } = body;
    const log = this.#logs.get(dataset);
    demand(
      log?.id === datasetId,
      "an event is about a dataset that there is",
      () => `${dataset} ${datasetId}, there is ${log?.id}`,
    );
    return log;
  }
}

function isAsTold({ request }: AppendOp, { changes }: AppendResponse, log: DatasetLog): boolean {
  return request.changes.every(
    ({ idempotencyKey }, at) => changes[at] && changes[at].seq === log.seqOf(idempotencyKey),
  );
}
