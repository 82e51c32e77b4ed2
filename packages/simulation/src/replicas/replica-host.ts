import { RequestError } from "@lockstep/client";
import { PoisonChangeError, ReplicaError } from "@lockstep/replica";
import type { Chance } from "../chance.ts";
import { sleep } from "../clients/client-host.ts";
import type { ReplicaSettings } from "../plan/config.ts";
import type { World } from "../run/world.ts";
import { SimProcess } from "../time/sim-process.ts";
import { Frames } from "./frames.ts";
import { type ReadWish, readAtReplica } from "./reading.ts";
import { REPLICA_WIRES, type ReplicaLife, startReplica } from "./replica-life.ts";
import { ReplicaDisk } from "./replica-store.ts";
import { type Damages, NO_DAMAGES, printable, ReplicaWatch } from "./replica-watch.ts";

/** Somebody starts a replica again so long after it has stopped by itself. */
const RESTART_AFTER_MS = 700;
/**
 * What it had under way has ended so long after it was closed: a call that was given up still waits here for its
 * connection, for a second at most.
 */
const ENDED_WITHIN_MS = 2_000;

/** The machine of a replica: it runs one process after the other, all on the same disk. */
export class ReplicaHost {
  readonly name: string;
  readonly settings: ReplicaSettings;
  readonly disk: ReplicaDisk;
  readonly frames: Frames;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #watch: ReplicaWatch;
  #life: ReplicaLife | undefined;
  #lives = 0;
  #damagesOfBackup: Damages = NO_DAMAGES;
  #awayUntilMs = 0;
  #staysAway = false;
  #closed = false;

  constructor(world: World, index: number, settings: ReplicaSettings) {
    this.#world = world;
    this.name = `replica ${index}`;
    this.settings = settings;
    this.#chance = world.chance.of(this.name);
    this.frames = new Frames((fault) => world.marks.hit(`frame ${fault}`));
    this.disk = new ReplicaDisk(settings.diskMs, this.#chance.of("disk"));
    this.#watch = new ReplicaWatch(world, this.name);
  }

  /** The life it leads, if it does. */
  get life(): ReplicaLife | undefined {
    return this.#life;
  }

  /** What the user's code writes to is away for so long. */
  loseDatabase(forMs: number): void {
    this.#awayUntilMs = this.#world.scheduler.nowMs + forMs;
  }

  /** Whether what the user's code writes to is away at the moment. */
  readonly isAway = (): boolean => this.#world.scheduler.nowMs < this.#awayUntilMs;

  /** Starts a process unless one runs, or it stays away. */
  start(): void {
    if (this.#life !== undefined || this.#staysAway) return;
    this.#lives += 1;
    const { scheduler, config } = this.#world;
    const name = `${this.name}.${this.#lives}`;
    const chance = this.#chance.of(`life ${this.#lives}`);
    const { clock } = this.settings;
    const process = new SimProcess(name, scheduler, clock, chance.of("timers"), config.timerLateMs);
    process.input(() => {
      const life = startReplica(this, this.#world, process, chance, this.#watch);
      this.#life = life;
      life.replica.done.then(
        () => this.#ended(life, undefined),
        (error: unknown) => this.#ended(life, error),
      );
      void this.#watch.listen(name, life.replica);
    });
  }

  /** The process ends without a word; with its machine, nobody tells the server. */
  kill(machineToo: boolean): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#watch.onNextCommit(undefined);
    life.process.kill();
    for (const name of REPLICA_WIRES) life.wires[name].clientDied(machineToo);
  }

  /** Reads all its rows. Who asks while it stands still is answered as it goes on. */
  read(wish: ReadWish): void {
    const life = this.#life;
    if (life === undefined) return;
    const isDamaged = () => this.#watch.damages.rows;
    const source = { name: this.name, life, isDamaged, isWaking: !life.process.running };
    life.process.input(() =>
      readAtReplica(this.#world, source, wish).catch((error: unknown) =>
        this.#rejected("read", error),
      ),
    );
  }

  /** An operator does what is left to do: parked changes are replayed, damaged rows looked for. */
  tidyUp(): void {
    const life = this.#life;
    if (this.#watch.damages.rows) this.check();
    if ((life?.replica.status().deadLetters ?? 0) === 0) return;
    this.#world.marks.hit("parked changes replayed");
    life?.process.input(() =>
      life.replay().then(
        () => {},
        (error: unknown) => this.#rejected("replay", error),
      ),
    );
  }

  /** Looks at all its rows, and repairs what differs. */
  check(): void {
    const life = this.#life;
    const isRight = !this.#watch.damages.mayDrift;
    life?.process.input(() =>
      life.replica.check().then(
        () => {
          if (isRight) this.#world.marks.hit("replica without damage looked at");
        },
        (error: unknown) => this.#rejected("check", error),
      ),
    );
  }

  /** Whether it has everything up to there, and knows that it is right. */
  isEqual(headSeq: bigint): boolean {
    const status = this.#life?.replica.status();
    return (
      status?.state === "LIVE" &&
      !this.#watch.damages.rows &&
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
    this.#awayUntilMs = 0;
    this.frames.fail(undefined);
    this.#watch.onNextCommit(undefined);
    this.#life?.process.resume();
    for (const name of REPLICA_WIRES) this.#life?.wires[name].heal();
    this.start();
  }

  /** Calls back once, in the middle of the next transaction that has been committed. */
  onNextCommit(fn: (staged: boolean) => void): void {
    this.#watch.onNextCommit(fn);
  }

  /** Somebody changes a row of its disk. */
  async damage(how: string, key?: string): Promise<void> {
    if (!(await this.disk.damage(how, key))) return;
    this.#watch.damages = { rows: true, mayDrift: true, ever: true };
    this.#world.marks.hit(`row of a replica made ${how}`);
  }

  /** Somebody keeps a copy of its disk. */
  async backUp(): Promise<void> {
    this.#damagesOfBackup = this.#watch.damages;
    await this.disk.backUp();
  }

  /** An older copy of its disk is put back while it does not run. */
  async restore(): Promise<void> {
    this.kill(false);
    await this.disk.restore();
    this.#watch.damages = this.#damagesOfBackup;
    this.#world.marks.hit("older copy of a replica restored");
  }

  /** Its disk is lost, while it does not run. */
  loseDisk(): void {
    this.kill(false);
    this.disk.lose();
    this.#watch.damages = NO_DAMAGES;
  }

  /** What it asks for during the next repair meets trouble. */
  troubleRepair(): void {
    this.#watch.repairTroubled = true;
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
    if (noDataset) marks.hit("replica finds no dataset");
    else if (error instanceof PoisonChangeError) marks.hit("replica halts at a poison change");
    else if (error !== undefined) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      checker.fail("a replica goes on by itself", `${life.name} ended with ${what}`);
    }
    this.kill(false);
    scheduler.in(RESTART_AFTER_MS, () => this.start());
  }
}
