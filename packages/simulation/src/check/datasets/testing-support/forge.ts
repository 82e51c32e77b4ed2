import { create, toBinary } from "@bufbuild/protobuf";
import {
  AppendOutcome,
  type AppendRequestSchema,
  AppendResponseSchema,
  type Change,
  ChangeOp,
  ChangeSchema,
  DatasetPolicySchema,
  type Event,
  EventSchema,
  LockMode,
} from "@lockstep/protocol";
import { Marks } from "../../../marks/marks.ts";
import { Ledger } from "../../records.ts";
import { Datasets } from "../datasets.ts";
import { entryOf, firstLogHash, nextLogHash, type PlainRow, rootOf } from "../plain-digest.ts";

type Op = Parameters<Datasets["submitted"]>[0];
type Init<S extends Parameters<typeof create>[0]> = NonNullable<Parameters<typeof create<S>>[1]>;

/** The dataset of all histories. */
export const NAME = "orders";
const ID = 5n;
const SCOPE = { salt: Buffer.alloc(16, 7), dataset: NAME };

/** The key of the lock that fences are of. */
export const LOCK = "leader";

/** Writes histories for the checks, true ones unless a test says otherwise. */
export class Forge {
  readonly ledger = new Ledger();
  readonly checks = new Datasets(() => this.ledger, new Marks());
  seq = 0n;
  logHash = firstLogHash(SCOPE, 1n);
  readonly rows = new Map<string, PlainRow>();
  readonly #events: Event[] = [];

  constructor(policy: Init<typeof DatasetPolicySchema> = {}) {
    const value = { dataset: NAME, datasetId: ID, createdEpoch: 1n, logHash: this.logHash, policy };
    this.#take({ case: "datasetCreated", value }, { salt: SCOPE.salt });
  }

  /** A change that puts a row; what makes it recognised is the key and the value. */
  change(name: string, more: Init<typeof ChangeSchema> = {}): Change {
    return create(ChangeSchema, {
      op: ChangeOp.PUT,
      seq: this.seq + 1n,
      key: Buffer.from(name),
      value: Buffer.from(name),
      idempotencyKey: name,
      schemaVersion: 1,
      ...more,
    });
  }

  /** A batch becomes durable that was asked for without a fence. */
  append(...names: string[]): void {
    this.submitted(names);
    const changes = names.map((name, at) => this.change(name, { seq: this.seq + 1n + BigInt(at) }));
    this.durable(changes);
  }

  /** A history with these changes, of which the checks have known, and which is none any more. Returns its rows. */
  lost(...names: string[]): { readonly rows: readonly PlainRow[] } {
    const other = new Forge();
    other.append(...names);
    this.checks.positions.add(other.checks.log(NAME) as never);
    return { rows: [...other.rows.values()] };
  }

  /** An older copy is all there is: without a change. */
  rewind(): void {
    this.checks.rewind(this.#events.slice(0, 1));
  }

  /** An append reaches the server. */
  submitted(names: readonly string[], request: Init<typeof AppendRequestSchema> = {}): Op {
    const changes = names.map((idempotencyKey) => ({ idempotencyKey }));
    const op = { kind: "append", request: { dataset: NAME, changes, ...request } } as never;
    this.checks.submitted(op);
    return op;
  }

  /** These changes become durable as one batch. */
  durable(
    changes: readonly Change[],
    more: { datasetId?: bigint; logHash?: Uint8Array } = {},
  ): void {
    const firstSeq = changes[0]?.seq ?? 0n;
    this.#follow(changes);
    const { seq: lastSeq, logHash } = this;
    const value = { dataset: NAME, datasetId: ID, firstSeq, lastSeq, logHash, ...more };
    this.#take({ case: "appended", value }, { changes: changes.map((change) => ({ change })) });
  }

  /** A policy is changed. */
  update(policy: Init<typeof DatasetPolicySchema>, version: bigint, told = policy): void {
    const value = toBinary(DatasetPolicySchema, create(DatasetPolicySchema, told));
    const key = Buffer.from("policy");
    const entry = { op: ChangeOp.CONTROL, key, value, idempotencyKey: "", schemaVersion: 0 };
    const change = this.change("", entry);
    this.#follow([change]);
    const { seq, logHash } = this;
    const body = { dataset: NAME, datasetId: ID, policy, version, seq, logHash };
    this.#take({ case: "datasetUpdated", value: body }, { changes: [{ change }] });
  }

  checkpoint(more: { count?: bigint; root?: Uint8Array } = {}): void {
    const { seq, logHash } = this;
    const count = BigInt(this.rows.size);
    const root = rootOf([...this.rows.values()].map((row) => entryOf(SCOPE, row)));
    const checkpoint = { seq, logHash, count, root, ...more };
    const value = { dataset: NAME, datasetId: ID, checkpoint };
    this.#take({ case: "datasetCheckpointed", value });
  }

  /** An append of these is answered. */
  answered(
    names: readonly string[],
    seqs: readonly bigint[],
    request: Init<typeof AppendRequestSchema> = {},
  ): void {
    const op = this.submitted(names, request);
    const changes = seqs.map((seq) => ({ seq }));
    const lastSeq = seqs.at(-1) ?? 0n;
    const reply = { outcome: AppendOutcome.APPENDED, changes, lastSeq };
    this.checks.answered(op, create(AppendResponseSchema, reply), 100);
  }

  /** A replica has committed what is there now, or something else. */
  committed(more: Partial<Parameters<Datasets["positions"]["committed"]>[0]> = {}): void {
    const { seq, logHash } = this;
    const rows = [...this.rows.values()];
    const commit = { replica: "copy", seq, logHash, scope: SCOPE, rows, damaged: false, ...more };
    this.checks.positions.committed(commit);
  }

  /** A session holds the lock, with this token. */
  hold(token: bigint, mode = LockMode.EXCLUSIVE): void {
    const targets = [{ key: LOCK, mode }];
    const record = { id: token, tokens: [{ token, from: token }], targets };
    this.ledger.keyOf(LOCK).holds.add(record as never);
  }

  /** Nobody holds it any more. */
  free(): void {
    this.ledger.keyOf(LOCK).holds.clear();
  }

  #follow(changes: readonly Change[]): void {
    for (const change of changes) {
      this.seq = change.seq;
      this.logHash = nextLogHash(SCOPE, this.logHash, change);
      if (change.op === ChangeOp.PUT) this.rows.set(Buffer.from(change.key).toString(), change);
    }
  }

  #take(
    body: Init<typeof EventSchema>["body"],
    journalOnly?: Init<typeof EventSchema>["journalOnly"],
  ): void {
    const event: Event = create(EventSchema, {
      body,
      ...(journalOnly && { journalOnly }),
    } as never);
    this.#events.push(event);
    this.checks.take(event);
  }
}
