import { type Client, createClient, RequestError } from "@lockstep/client";
import {
  type DriftFound,
  type Loaded,
  type MemoryUser,
  type ReadRows,
  type Replica,
  ReplicaError,
  ReplicaSupersededError,
  replicate,
} from "@lockstep/replica";
import type { Chance } from "../chance.ts";
import { sleep, transportOver } from "../clients/client-host.ts";
import { Renewals } from "../clients/renewals.ts";
import { Wire } from "../network/wire.ts";
import type { ReplicaSettings } from "../plan/config.ts";
import type { World } from "../run/world.ts";
import { SimProcess } from "../time/sim-process.ts";
import { ReplicaDisk, ReplicaStore } from "./replica-store.ts";

/** The dataset of a run. */
export const DATASET = "orders";
/** The purposes for which a replica has a connection each. */
export const REPLICA_WIRES = ["control", "bulk"] as const;
/** One of them. */
export type ReplicaWireName = (typeof REPLICA_WIRES)[number];

/** How long silence of a connection goes unnoticed, milliseconds. */
const NOTICED_AFTER_MS = 3_000;
const CONNECT_WITHIN_MS = 1_000;
/** Somebody starts a replica again so long after it has stopped by itself. */
const RESTART_AFTER_MS = 700;

/** What it had under way has ended so long after it was closed. */
const ENDED_WITHIN_MS = 1_000;

/** One life of a replica: a process with the real replica in it. */
export interface ReplicaLife {
  readonly name: string;
  readonly process: SimProcess;
  readonly replica: Replica;
  readonly client: Client;
  readonly wires: Readonly<Record<ReplicaWireName, Wire>>;
}

/** The machine of a replica: it runs one process after the other, all on the same disk. */
export class ReplicaHost {
  readonly name: string;
  readonly settings: ReplicaSettings;
  readonly disk: ReplicaDisk;
  readonly #world: World;
  readonly #chance: Chance;
  #life: ReplicaLife | undefined;
  #lives = 0;
  #damaged = false;
  /** Rows were changed behind its back, and no checkpoint has matched since they have come right. */
  #mayDrift = false;
  #staysAway = false;
  #closed = false;
  #onCommit: ((staged: boolean) => void) | undefined;

  constructor(world: World, index: number, settings: ReplicaSettings) {
    this.#world = world;
    this.name = `replica ${index}`;
    this.settings = settings;
    this.#chance = world.chance.of(this.name);
    this.disk = new ReplicaDisk(settings.diskMs, this.#chance.of("disk"));
  }

  /** The life it leads, if it does. */
  get life(): ReplicaLife | undefined {
    return this.#life;
  }

  /** Whether rows were changed behind its back and have not come right since. */
  get damaged(): boolean {
    return this.#damaged;
  }

  /** Starts a process unless one runs. */
  start(): void {
    if (this.#life !== undefined) return;
    this.#lives += 1;
    const { scheduler, network, config } = this.#world;
    const name = `${this.name}.${this.#lives}`;
    const chance = this.#chance.of(`life ${this.#lives}`);
    const { clock } = this.settings;
    const process = new SimProcess(name, scheduler, clock, chance.of("timers"), config.timerLateMs);
    const wireSettings = {
      principal: this.name,
      noticedAfterMs: NOTICED_AFTER_MS,
      connectWithinMs: CONNECT_WITHIN_MS,
    };
    const wires = {
      control: new Wire(network, process, wireSettings),
      bulk: new Wire(network, process, wireSettings),
    };
    process.input(() => {
      const { client, replica } = this.#replicate(process, wires, chance);
      const life = { name, process, client, replica, wires };
      this.#life = life;
      replica.done.then(
        () => this.#ended(life, undefined),
        (error: unknown) => this.#ended(life, error),
      );
      void this.#listen(life);
    });
  }

  /** The process ends without a word; with its machine, nobody tells the server. */
  kill(machineToo: boolean): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#onCommit = undefined;
    life.process.kill();
    for (const name of REPLICA_WIRES) life.wires[name].clientDied(machineToo);
  }

  /** Reads all its rows, as fresh as that. */
  read(level: "STRONG" | "BOUNDED" | "EVENTUAL"): void {
    const life = this.#life;
    const { checker, marks, scheduler } = this.#world;
    life?.process.input(() =>
      life.replica.scan({ freshness: { level } }).then(
        ({ position: { appliedSeq, stalenessMs } }) => {
          marks.hit(`replica read ${level}`);
          checker.watch(() =>
            checker.datasets.read(this.name, appliedSeq, stalenessMs, scheduler.nowMs),
          );
        },
        (error: unknown) => this.#rejected("read", error),
      ),
    );
  }

  /** Looks at all its rows, and repairs what differs. */
  check(): void {
    const life = this.#life;
    life?.process.input(() =>
      life.replica.check().then(
        () => {},
        (error: unknown) => this.#rejected("check", error),
      ),
    );
  }

  /** Whether it has everything up to there, and knows that it is right. */
  isEqual(headSeq: bigint): boolean {
    const status = this.#life?.replica.status();
    return (
      status?.state === "LIVE" &&
      !this.#damaged &&
      status.appliedSeq === headSeq &&
      status.verifiedSeq === headSeq
    );
  }

  /** How it is doing, for people. */
  describe(): string {
    return `${this.name}: ${JSON.stringify(this.#life?.replica.status(), printable)}`;
  }

  /** It stops in good order, and stays away. */
  close(): void {
    const life = this.#life;
    this.#staysAway = true;
    life?.process.input(async () => {
      await life.replica.close();
      await life.client.close();
      await sleep(life.process, ENDED_WITHIN_MS);
      if (life.process.reasonsToStay > 0)
        this.#world.checker.fail("a closed replica holds no process", life.name);
      this.#world.checker.trace(`${life.name} is closed`);
      this.#closed = true;
      this.kill(false);
    });
  }

  /** Whether it has stopped in good order. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Nothing goes wrong any more: it runs, on a disk that is fast. */
  heal(): void {
    this.disk.latencyMs = 1;
    this.#onCommit = undefined;
    this.#life?.process.resume();
    for (const name of REPLICA_WIRES) this.#life?.wires[name].heal();
    this.start();
  }

  /** Calls back once, in the middle of the next transaction that has been committed. */
  onNextCommit(fn: (staged: boolean) => void): void {
    this.#onCommit = fn;
  }

  /** Somebody changes a row of its disk. */
  async damage(how: string): Promise<void> {
    if (!(await this.disk.damage(how))) return;
    this.#damaged = true;
    this.#mayDrift = true;
    this.#world.marks.hit(`row of a replica made ${how}`);
  }

  /** An older copy of its disk is put back while it does not run. */
  async restore(): Promise<void> {
    this.kill(false);
    await this.disk.restore();
    this.#damaged = false;
    this.#mayDrift = false;
    this.#world.marks.hit("older copy of a replica restored");
  }

  #replicate(process: SimProcess, wires: ReplicaLife["wires"], chance: Chance) {
    const random = { fraction: () => chance.fraction(), bytes: (n: number) => chance.bytes(n) };
    const clock = process.clientClock();
    const renewals = new Renewals(process);
    const client = createClient({
      transport: transportOver(wires.control, renewals),
      controlTransport: transportOver(wires.control, renewals),
      watchTransport: transportOver(wires.bulk, renewals),
      clock,
      random,
      displayName: process.name,
      address: "the simulated server",
    });
    const observer = {
      committed: (loaded: Loaded, rows: ReadRows) => this.#committed(process, loaded, rows),
    };
    const replica = replicate<MemoryUser>({
      client,
      dataset: DATASET,
      replica: this.name,
      store: new ReplicaStore(this.disk, process, observer),
      schemaVersions: [1],
      onDrift: "REPAIR",
      maxBadBucketShare: 1,
      clock,
      random,
    });
    return { client, replica };
  }

  #committed(process: SimProcess, { published, staged }: Loaded, { rows }: ReadRows): void {
    const { checker } = this.#world;
    const onCommit = this.#onCommit;
    this.#onCommit = undefined;
    if (published !== undefined) {
      const { cursor, salt } = published.progress;
      checker.trace(`${process.name} has committed ${cursor.seq}`);
      checker.watch(() => {
        const scope = { salt, dataset: DATASET };
        const { seq, logHash } = cursor;
        const damaged = this.#damaged;
        const commit = { replica: this.name, seq, logHash, scope, rows, damaged };
        if (checker.datasets.committed(commit)) this.#damaged = false;
      });
    }
    onCommit?.(staged !== undefined);
  }

  async #listen({ name, replica }: ReplicaLife): Promise<void> {
    const { checker, marks } = this.#world;
    for await (const event of replica.events()) {
      const detail = event.type === "checkpoint" ? ` ${event.seq} ${event.verdict}` : "";
      checker.trace(`${name}: ${event.type}${detail}`);
      if (event.type === "subscribed")
        marks.hit(event.snapshot ? "replica takes a snapshot" : "replica goes on from its cursor");
      else if (event.type === "checkpoint") {
        marks.hit(`checkpoint compared: ${event.verdict}`);
        if (event.verdict === "MATCH" && !this.#damaged) this.#mayDrift = false;
      } else if (event.type === "drift") this.#drifted(event.found);
    }
  }

  /** Only what somebody has done to it is drift, or to the log that it followed. */
  #drifted(found: DriftFound): void {
    const { checker, marks } = this.#world;
    marks.hit(`drift found: ${found.action}`);
    const { seq, logHash } = found.asOf;
    const lost = found.action === "RESYNCED" && !checker.datasets.isOfLog(DATASET, seq, logHash);
    if (this.#mayDrift || lost) return;
    const what = JSON.stringify(found, printable);
    checker.fail("nothing in flight is reported as drift", `${this.name} found ${what}`);
  }

  /** A reader of it is refused. */
  #rejected(what: string, error: unknown): void {
    const { checker, marks } = this.#world;
    marks.hit(`replica's ${what} refused: ${(error as Error).name}`);
    const expected =
      error instanceof ReplicaError ||
      (error instanceof RequestError && error.reason === "DATASET_UNKNOWN");
    if (!expected)
      checker.fail(
        "a replica refuses as it is promised",
        `${this.name}: ${(error as Error).stack}`,
      );
  }

  #ended(life: ReplicaLife, error: unknown): void {
    const { checker, marks, scheduler } = this.#world;
    if (this.#life !== life || (this.#staysAway && error === undefined)) return;
    checker.trace(`${life.name} has ended: ${error}`);
    const noDataset = error instanceof RequestError && error.reason === "DATASET_UNKNOWN";
    // A restored server knows an older registration, and takes the newer one for an older.
    const forgotten = error instanceof ReplicaSupersededError && checker.history.rewinds > 0;
    if (noDataset) marks.hit("replica finds no dataset");
    else if (forgotten) marks.hit("replica refused by a restored server");
    else if (error !== undefined) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      checker.fail("a replica goes on by itself", `${life.name} ended with ${what}`);
    }
    this.kill(false);
    scheduler.in(RESTART_AFTER_MS, () => this.start());
  }
}

function printable(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}`;
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
