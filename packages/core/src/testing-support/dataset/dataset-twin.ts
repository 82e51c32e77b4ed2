import { create } from "@bufbuild/protobuf";
import {
  AppendOutcome,
  AppendRequestSchema,
  type Change,
  ChangeOp,
  ErrorReason,
  ReplicaState,
  ReplicationMode,
} from "@lockstep/protocol";
import { expect } from "vitest";
import { positionMessage } from "../../dataset/position.ts";
import { Refusal } from "../../refusal.ts";
import { World } from "../world.ts";
import {
  bytes,
  createDataset,
  datasetIn,
  Follower,
  NAME,
  updateDataset,
} from "./dataset-client.ts";
import { DatasetModel, type Sent } from "./dataset-model.ts";
import type { StoryAction, StoryChange } from "./story.ts";
import { hex } from "./tables.ts";

const LEASE_MS = 10_000;
const LAG_MS = 10_000;
const WAIT_MS = 10_000;

type Act<K extends StoryAction["kind"]> = Extract<StoryAction, { kind: K }>;

/** What the model knows of a replica. */
interface Known {
  readonly follower: Follower;
  applied: bigint;
  said: ReplicaState | undefined;
  ackedAtMs: number;
  /** A restart has ended its subscription. */
  isLost: boolean;
}

/** What the model knows of a wait. */
interface Waiting {
  readonly seq: bigint;
  readonly needed: number;
  readonly isAll: boolean;
  readonly untilMs: number;
}

/** A world and a model of its one dataset, to which everything happens alike. */
export class DatasetTwin {
  readonly world = new World();
  readonly model: DatasetModel;
  /** What has happened, for those who ask whether everything does. */
  readonly seen = new Set<string>();
  readonly #known = new Map<number, Known>();
  readonly #waits = new Map<bigint, Waiting>();

  constructor() {
    createDataset(this.world);
    const { salt, createdEpoch } = datasetIn(this.world);
    this.model = new DatasetModel(salt, NAME, createdEpoch);
  }

  /** Lets something happen, and compares. */
  perform(action: StoryAction): void {
    switch (action.kind) {
      case "append":
        this.#append(action);
        break;
      case "policy":
        this.#policy(action);
        break;
      case "register":
        this.#register(action.who);
        break;
      case "ack":
        this.#ack(action);
        break;
      case "pass":
        this.world.advance(action.ms);
        break;
      case "trim":
        this.#trim(action);
        break;
      case "restart":
        this.#restart();
    }
    this.#compareWaits();
    this.#compare();
  }

  #append(action: Act<"append">): void {
    const { model, world } = this;
    const changes = action.changes.map((one) => this.#sent(one));
    const isAll = action.replicas === 4;
    const quorum = isAll ? Math.max(1, model.minInSync) : action.replicas;
    const asked = {
      expectedHeadSeq:
        action.expectsHead === undefined ? undefined : model.head + (action.expectsHead ? 0n : 1n),
      sinceSeq: action.since === undefined ? undefined : highest(model.head + BigInt(action.since)),
      needed: action.replicas === 0 ? 0 : Math.max(quorum, model.minInSync),
    };
    const refused = model.refusalOf(changes, asked, this.#inSync().length);
    const mode = isAll ? ReplicationMode.ALL_IN_SYNC : ReplicationMode.QUORUM;
    const durability = { mode, replicas: isAll ? 0 : action.replicas };
    const request = create(AppendRequestSchema, {
      dataset: NAME,
      changes: changes.map(({ expectedKeySeq, ...one }) =>
        expectedKeySeq === undefined ? one : { ...one, expectedKeySeq },
      ),
      correlationId: "c",
      ...(asked.expectedHeadSeq === undefined ? {} : { expectedHeadSeq: asked.expectedHeadSeq }),
      ...(asked.sinceSeq === undefined ? {} : { sinceSeq: asked.sinceSeq }),
      ...(action.replicas === 0 ? {} : { durability }),
    });
    const answer = attempt(
      () => world.run({ kind: "append", principal: "writer", request }).answer,
    );
    if (refused !== undefined || typeof answer === "string") {
      expect(answer, JSON.stringify(action)).toBe(refused);
      this.seen.add(`refused ${refused}`);
      return;
    }
    const common = {
      origin: "writer",
      correlationId: "c",
      timestampMs: BigInt(world.now.unixMs),
    };
    const told = model.append(changes, common, world.monotonicMs);
    for (const { duplicate } of told) this.seen.add(duplicate ? "duplicate" : "appended");
    const seq = highest(...told.map((one) => one.seq));
    if (answer.kind === "reply")
      expect(answer.reply).toMatchObject({ changes: told, lastSeq: seq, headSeq: model.head });
    const wait = { seq, needed: quorum, isAll, untilMs: world.monotonicMs + WAIT_MS };
    expect(answer.kind).toBe(this.#isReplicated(wait) ? "reply" : "waiting");
    if (answer.kind === "waiting") this.#waits.set(answer.ticketId, wait);
  }

  #sent({ op, key, value, idempotencyKey, expectsKey }: StoryChange): Sent {
    const seq = this.model.rows.get(hex(bytes(key)))?.seq ?? 0n;
    const expectedKeySeq = expectsKey === undefined ? undefined : seq + (expectsKey ? 0n : 1n);
    const isPut = op === ChangeOp.PUT;
    return {
      op,
      key: bytes(key),
      value: isPut ? bytes(value) : new Uint8Array(),
      schemaVersion: 1,
      idempotencyKey,
      expectedKeySeq,
    };
  }

  #policy({ minInSync, maxBytes }: Act<"policy">): void {
    updateDataset(this.world, { minInSync, maxBytes: BigInt(maxBytes) });
    const { changes } = this.world.tables.of(datasetIn(this.world).id);
    const entry = changes.at(-1) as Change;
    if (entry.seq === this.model.head) return;
    Object.assign(this.model, { minInSync, maxBytes });
    this.model.control(entry, this.world.monotonicMs);
  }

  #register(who: number): void {
    const follower = new Follower(this.world, `r${who}`);
    const [said, applied, ackedAtMs] = [undefined, 0n, Number.NEGATIVE_INFINITY] as const;
    this.#known.set(who, { follower, applied, said, ackedAtMs, isLost: false });
  }

  #ack({ who, behind, state }: Act<"ack">): void {
    const known = this.#known.get(who);
    if (known === undefined) return;
    if (known.isLost) {
      expect(attempt(() => known.follower.ack(0n))).toBe("SUBSCRIPTION_UNKNOWN");
      this.seen.add("refused SUBSCRIPTION_UNKNOWN");
      known.follower.subscribe();
      known.isLost = false;
    }
    const applied = highest(this.model.head - BigInt(behind));
    if (applied < known.applied) {
      expect(attempt(() => known.follower.ack(applied, state))).toBe("ACK_REGRESSED");
      this.seen.add("refused ACK_REGRESSED");
      return;
    }
    const ackedAtMs = this.world.monotonicMs;
    Object.assign(known, { applied, said: state, ackedAtMs });
    const { inSync, headSeq } = known.follower.ack(applied, state);
    expect(headSeq).toBe(this.model.head);
    expect(inSync).toBe(this.#inSync().includes(known));
    for (const [id, wait] of this.#waits)
      if (this.#isReplicated(wait)) expect(this.world.settled.has(id), `wait ${id}`).toBe(true);
  }

  #trim({ back, dropped }: Act<"trim">): void {
    const { world, model } = this;
    const ends = [...model.ends.keys()].filter((seq) => seq > model.floor);
    const end = ends.at(-1 - back) ?? 0n;
    const { id } = datasetIn(world);
    const logHash = model.ends.get(end) as Buffer;
    const droppedSeq = highest(model.head - BigInt(dropped));
    const unwanted = { floor: positionMessage({ seq: end, logHash }), droppedSeq };
    world.reply({ kind: "trimLog", datasetId: id, unwanted });
    const floor = highest(end, model.floor);
    if (droppedSeq < floor) model.trim(floor, highest(droppedSeq, model.dropped));
    else model.trim(floor, floor);
    world.tables.trim(id, model.floor, model.dropped);
  }

  #restart(): void {
    this.world.restart();
    // What the tables had dropped is dropped again.
    const { id } = datasetIn(this.world);
    this.world.tables.trim(id, this.model.floor, this.model.dropped);
    this.#waits.clear();
    this.model.heads.length = 0;
    this.model.heads.push({ atMs: Number.NEGATIVE_INFINITY, seq: this.model.head });
    for (const known of this.#known.values())
      Object.assign(known, { isLost: true, applied: 0n, ackedAtMs: Number.NEGATIVE_INFINITY });
  }

  #inSync(): Known[] {
    const now = this.world.monotonicMs;
    const wanted = this.model.headAt(now - LAG_MS);
    return [...this.#known.values()].filter(
      ({ said, ackedAtMs, applied }) =>
        said === ReplicaState.OK && now - ackedAtMs <= LEASE_MS && applied >= wanted,
    );
  }

  #isReplicated({ seq, needed, isAll }: Waiting): boolean {
    const good = [...this.#known.values()].filter(
      ({ said, applied }) => said === ReplicaState.OK && applied >= seq,
    );
    return good.length >= needed && (!isAll || this.#inSync().every((one) => one.applied >= seq));
  }

  /** A wait ends when it is replicated or its time is over, and is told which. */
  #compareWaits(): void {
    const now = this.world.monotonicMs;
    for (const [id, wait] of this.#waits) {
      const reply = this.world.settled.get(id);
      if (reply === undefined) {
        expect(now, `wait ${id}`).toBeLessThan(wait.untilMs);
        continue;
      }
      this.#waits.delete(id);
      const isAppended = reply.outcome === AppendOutcome.APPENDED;
      this.seen.add(isAppended ? "replicated" : "not replicated");
      if (isAppended) expect(this.#isReplicated(wait), `wait ${id}`).toBe(true);
      else expect(now).toBeGreaterThanOrEqual(wait.untilMs);
    }
  }

  #compare(): void {
    const { model, world } = this;
    const dataset = datasetIn(world);
    expect(dataset.head).toMatchObject({ seq: model.head });
    expect(hex(dataset.head.logHash)).toBe(hex(model.logHash));
    expect(hex(dataset.digest.root())).toBe(hex(model.root()));
    expect(dataset.digest.count).toBe(model.rows.size);
    expect(dataset.bytes).toBe(BigInt(model.bytes));
    expect([dataset.floor.seq, dataset.droppedSeq]).toEqual([model.floor, model.dropped]);
    const table = world.tables.of(dataset.id);
    expect([...table.rows.keys()].sort()).toEqual([...model.rows.keys()].sort());
    expect(new Set(table.records.keys())).toEqual(new Set(model.records.keys()));
    for (const { seq, root } of table.checkpoints)
      if (seq === model.head) expect(hex(root)).toBe(hex(model.root()));
  }
}

/** What it gives, or the name of the reason why it was refused. */
function attempt<T>(what: () => T): T | string {
  try {
    return what();
  } catch (error) {
    if (error instanceof Refusal) return ErrorReason[error.reason];
    throw error;
  }
}

function highest(...seqs: readonly bigint[]): bigint {
  let found = 0n;
  for (const seq of seqs) if (seq > found) found = seq;
  return found;
}
