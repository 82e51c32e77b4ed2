import { type AppendFence, type DatasetPolicy, ErrorReason, LockMode } from "@lockstep/protocol";
import type { Marks } from "../../marks/marks.ts";
import type { AnyOp } from "../../server/observed-namespace.ts";
import { type Ledger, targetOf } from "../records.ts";
import { demand } from "../violation.ts";
import type { DatasetLog } from "./dataset-log.ts";

type AppendOp = Extract<AnyOp, { kind: "append" }>;
type Fence = AppendFence | undefined;

/** What an append found when it arrived. */
interface Arrival {
  readonly log: DatasetLog | undefined;
  readonly version: bigint | undefined;
  /** All its changes were in the log. */
  readonly known: boolean;
  /** Its fence was that of a live hold of the lock that the policy names. */
  readonly live: boolean;
}

/** Refusals by which nothing was appended, now or before. */
const NOT_APPENDED: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.FENCED,
  ErrorReason.FENCE_REQUIRED,
  ErrorReason.NOT_ENOUGH_IN_SYNC,
  ErrorReason.IDEMPOTENCY_CONFLICT,
  ErrorReason.IDEMPOTENCY_EXPIRED,
  ErrorReason.LOG_DIVERGED,
  ErrorReason.HEAD_MISMATCH,
  ErrorReason.KEY_MISMATCH,
  ErrorReason.DATASET_FULL,
]);

/** Watches that only who holds the lock that a policy names writes under its fence. */
export class Fences {
  readonly #ledger: () => Ledger;
  readonly #marks: Marks;
  /** With which fences a change was asked for, by idempotency key. */
  readonly #asked = new Map<string, Fence[]>();
  readonly #arrivals = new WeakMap<AppendOp, Arrival>();

  /** @param ledger all locks, up to the event that is being taken */
  constructor(ledger: () => Ledger, marks: Marks) {
    this.#ledger = ledger;
    this.#marks = marks;
  }

  /** An append reaches the server. */
  submitted(op: AppendOp, log: DatasetLog | undefined): void {
    const { changes, fence } = op.request;
    for (const { idempotencyKey } of changes) {
      const asked = this.#asked.get(idempotencyKey);
      if (asked === undefined) this.#asked.set(idempotencyKey, [fence]);
      else asked.push(fence);
    }
    const live = fence !== undefined && log !== undefined && this.#isLive(fence, log.policy);
    this.#arrivals.set(op, { log, version: log?.version, known: isKnown(op, log), live });
  }

  /** Changes are durable, appended under this policy. */
  appended(idempotencyKey: string, policy: DatasetPolicy): void {
    const asked = this.#asked.get(idempotencyKey) ?? [];
    demand(
      asked.some((fence) => this.#mayWrite(fence, policy)),
      "only who holds the lock appends under its fence",
      () => `${idempotencyKey} was asked for with tokens [${asked.map((one) => one?.token)}]`,
    );
    if (asked.some((fence) => fence !== undefined && this.#isLive(fence, policy)))
      this.#marks.hit("append with a live fence");
  }

  /** All changes of an append were there before: who repeats it may have lost its lock since. */
  repeated({ request: { fence } }: AppendOp, { policy }: DatasetLog): void {
    if (fence !== undefined && !this.#isLive(fence, policy))
      this.#marks.hit("duplicate answered whatever its fence");
    if (fence === undefined && policy.fenceRequired)
      this.#marks.hit("duplicate answered without a fence");
  }

  /** An append is refused; what was decided before it is durable. */
  refused(op: AppendOp, reason: ErrorReason, log: DatasetLog | undefined): void {
    const arrival = this.#arrivals.get(op);
    const { fence } = op.request;
    if (arrival === undefined || log === undefined || arrival.log !== log) return;
    demand(
      !(NOT_APPENDED.has(reason) && arrival.known && isKnown(op, log)),
      "what is in the log is answered, whatever else is asked",
      () => `${op.request.changes[0]?.idempotencyKey} is refused with ${ErrorReason[reason]}`,
    );
    const samePolicy = arrival.version === log.version;
    const wronged =
      reason === ErrorReason.FENCED && arrival.live && fence && this.#isLive(fence, log.policy);
    demand(
      !(samePolicy && wronged),
      "the fence of a live hold is accepted",
      () => `token ${fence?.token} of ${fence?.key} is refused`,
    );
  }

  #mayWrite(fence: Fence, policy: DatasetPolicy): boolean {
    return fence === undefined ? !policy.fenceRequired : this.#isLive(fence, policy);
  }

  #isLive({ key, token }: AppendFence, { fenceKey }: DatasetPolicy): boolean {
    if (key !== fenceKey || fenceKey === "") return false;
    const holds = [...(this.#ledger().keys.get(key)?.holds ?? [])];
    return holds.some(
      ({ tokens, targets }) =>
        tokens.at(-1)?.token === token && targetOf(targets, key).mode === LockMode.EXCLUSIVE,
    );
  }
}

function isKnown({ request }: AppendOp, log: DatasetLog | undefined): boolean {
  return request.changes.every(({ idempotencyKey }) => log?.seqOf(idempotencyKey) !== undefined);
}
