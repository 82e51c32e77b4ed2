import { create, equals, fromBinary } from "@bufbuild/protobuf";
import {
  type Change,
  ChangeOp,
  type DatasetPolicy,
  DatasetPolicySchema,
  type Event,
} from "@lockstep/protocol";
import { demand } from "../violation.ts";
import {
  type DigestScope,
  entryOf,
  firstLogHash,
  nextLogHash,
  type PlainEntry,
  type PlainRow,
  rootOf,
} from "./plain-digest.ts";

type Case = NonNullable<Event["body"]["case"]>;
/** The body of an event of a kind. */
export type BodyOf<C extends Case> = Extract<Event["body"], { case: C }>["value"];

/** What the rows are at the end of a batch. */
export interface RowsState {
  readonly seq: bigint;
  readonly count: number;
  /** The sum of all entry hashes, whatever their buckets. */
  readonly sum: bigint;
}

interface LiveRow {
  readonly row: PlainRow;
  readonly entry: PlainEntry;
}

/** One dataset as its durable events tell it: its log, its rows and its idempotency keys. */
export class DatasetLog {
  readonly id: bigint;
  readonly scope: DigestScope;
  /** The log hash after each change, from seq 0. */
  readonly hashes: string[];
  /** The seq of the change that has an idempotency key, as long as the server must remember it. */
  readonly #seqByKey = new Map<string, bigint>();
  /** Each policy there was, with the seq from which it is in force. */
  readonly #policies: { readonly from: bigint; readonly policy: DatasetPolicy }[];
  readonly #rows = new Map<string, LiveRow>();
  #sum = 0n;
  #logHash: Buffer;

  constructor(
    { dataset, datasetId, createdEpoch, logHash, policy }: BodyOf<"datasetCreated">,
    salt: Uint8Array,
  ) {
    this.id = datasetId;
    this.scope = { salt, dataset };
    this.#logHash = firstLogHash(this.scope, createdEpoch);
    this.#sameHash(logHash);
    this.hashes = [this.#logHash.toString("hex")];
    this.#policies = [{ from: 0n, policy: policy ?? create(DatasetPolicySchema) }];
  }

  /** The policy in force, and its version. */
  get policy(): DatasetPolicy {
    return this.#policies.at(-1)?.policy as DatasetPolicy;
  }

  get version(): bigint {
    return BigInt(this.#policies.length);
  }

  /** The policy under which a change was appended. */
  policyAt(seq: bigint): DatasetPolicy {
    return this.#policies.findLast(({ from }) => from <= seq)?.policy ?? this.policy;
  }

  get head(): bigint {
    return BigInt(this.hashes.length - 1);
  }

  get state(): RowsState {
    return { seq: this.head, count: this.#rows.size, sum: this.#sum };
  }

  /** The seq under which a change with this idempotency key stands in the log. */
  seqOf(idempotencyKey: string): bigint | undefined {
    return this.#seqByKey.get(idempotencyKey);
  }

  /** A batch is durable. */
  append(changes: readonly Change[], firstSeq: bigint, lastSeq: bigint, logHash: Uint8Array): void {
    demand(
      firstSeq === this.head + 1n && lastSeq === this.head + BigInt(changes.length),
      "a log has no gap",
      () => `${firstSeq} to ${lastSeq} with ${changes.length} changes follow ${this.head}`,
    );
    for (const change of changes) this.#take(change);
    this.#sameHash(logHash);
  }

  /** A changed policy is durable: its log says it, in an entry of its own. */
  update(
    { policy, version, seq, logHash }: BodyOf<"datasetUpdated">,
    changes: readonly Change[],
  ): void {
    const [entry] = changes;
    demand(
      version === this.version + 1n,
      "versions of a policy have no gap",
      () => `version ${version} follows ${this.version}`,
    );
    demand(
      changes.length === 1 && policy !== undefined && isEntryOf(entry, policy),
      "a changed policy is one entry of the log",
      () => `version ${version} makes ${changes.length} changes, one ${entry?.op}`,
    );
    this.append(changes, seq, seq, logHash);
    this.#policies.push({ from: seq, policy });
  }

  /** A checkpoint is durable: it says what the rows are. */
  checkpoint({ checkpoint }: BodyOf<"datasetCheckpointed">): void {
    demand(
      checkpoint?.seq === this.head && Number(checkpoint.count) === this.#rows.size,
      "a checkpoint counts the rows at its seq",
      () =>
        `${checkpoint?.count} rows at ${checkpoint?.seq}, not ${this.#rows.size} at ${this.head}`,
    );
    this.#sameHash(checkpoint.logHash);
    const root = rootOf([...this.#rows.values()].map(({ entry }) => entry)).toString("hex");
    demand(
      Buffer.from(checkpoint.root).toString("hex") === root,
      "a checkpoint has the root of the rows",
      () => `at ${checkpoint.seq} it is ${root}`,
    );
  }

  /** Old idempotency keys may be forgotten. */
  trim({ droppedSeq }: BodyOf<"logTrimmed">): void {
    for (const [key, seq] of this.#seqByKey) if (seq <= droppedSeq) this.#seqByKey.delete(key);
  }

  #take(change: Change): void {
    const { seq, idempotencyKey, op, key } = change;
    demand(seq === this.head + 1n, "a log has no gap", () => `${seq} follows ${this.head}`);
    if (idempotencyKey !== "") {
      const before = this.#seqByKey.get(idempotencyKey);
      demand(
        before === undefined,
        "an idempotency key is appended once",
        () => `${idempotencyKey} stands at ${before} and at ${seq}`,
      );
      this.#seqByKey.set(idempotencyKey, seq);
    }
    this.#logHash = nextLogHash(this.scope, this.#logHash, change);
    this.hashes.push(this.#logHash.toString("hex"));
    if (op === ChangeOp.CONTROL) return;
    const name = Buffer.from(key).toString("hex");
    this.#sum -= this.#rows.get(name)?.entry.number ?? 0n;
    this.#rows.delete(name);
    if (op === ChangeOp.DELETE) return;
    const entry = entryOf(this.scope, change);
    this.#rows.set(name, { row: change, entry });
    this.#sum += entry.number;
  }

  #sameHash(logHash: Uint8Array): void {
    demand(
      this.#logHash.equals(logHash),
      "a log hash is that of its changes",
      () => `at ${this.head} it is ${this.#logHash.toString("hex")}`,
    );
  }
}

function isEntryOf(entry: Change | undefined, policy: DatasetPolicy): boolean {
  if (entry?.op !== ChangeOp.CONTROL || Buffer.from(entry.key).toString() !== "policy")
    return false;
  return equals(DatasetPolicySchema, fromBinary(DatasetPolicySchema, entry.value), policy);
}
