import { DATASET_OPERATIONS } from "../actions/dataset-operations.ts";
import { FAULTS } from "../actions/faults.ts";
import { parametersOf } from "../actions/kind.ts";
import { OPERATIONS } from "../actions/operations.ts";
import { REPLICA_FAULTS } from "../actions/replica-faults.ts";
import { Chance } from "../chance.ts";
import { Checker, type TraceListener } from "../check/checker.ts";
import { ClientHost, WIRES } from "../clients/client-host.ts";
import { Marks } from "../marks/marks.ts";
import { Network } from "../network/network.ts";
import type { Action, Config, Plan } from "../plan/config.ts";
import { ReplicaHost } from "../replicas/replica-host.ts";
import { Resource } from "../resource/resource.ts";
import { Disk } from "../server/disk.ts";
import { ServerHost } from "../server/server-host.ts";
import { START_UNIX_MS } from "../time/process-clock.ts";
import { Scheduler } from "../time/scheduler.ts";
import type { SimProcess } from "../time/sim-process.ts";

/** So few that a snapshot of a few rows has several chunks. */
const SNAPSHOT_CHUNK_BYTES = 150;
/** The longest time to live is also how long a new lineage grants nothing. */
const LIMITS = { max_ttl_ms: 15_000, max_snapshot_chunk_bytes: SNAPSHOT_CHUNK_BYTES } as const;
/** How often a message to the resource gets stuck, and how long at most. */
const STUCK_PROBABILITY = 0.1;
const STUCK_MS_MAX = 10_000;

/** Everything a run consists of. */
export class World {
  readonly config: Config;
  readonly chance: Chance;
  readonly scheduler = new Scheduler();
  readonly marks = new Marks();
  readonly checker: Checker;
  readonly network: Network;
  readonly disk: Disk;
  readonly server: ServerHost;
  readonly resource: Resource;
  readonly clients: readonly ClientHost[];
  readonly replicas: readonly ReplicaHost[];
  /** How many batches writers have made up. */
  appends = 0;
  /** The highest head of the dataset that a writer has known. */
  highestHead = 0n;
  readonly #late: Chance;
  #healed = false;

  constructor({ seed, config, actions }: Plan, onTrace?: TraceListener) {
    this.config = config;
    this.chance = new Chance(`run ${seed}`);
    this.#late = this.chance.of("late");
    const { scheduler, marks, chance } = this;
    this.checker = new Checker(
      scheduler,
      marks,
      (displayName) => this.#lifeNamed(displayName),
      onTrace,
    );
    this.network = new Network(scheduler, config.network, chance.of("network"), marks);
    this.disk = new Disk(scheduler, config.disk, chance.of("disk"), marks, this.checker);
    this.server = new ServerHost({
      scheduler,
      network: this.network,
      disk: this.disk,
      chance: chance.of("server"),
      observer: this.checker,
      clock: config.serverClock,
      timerLateMs: config.timerLateMs,
      restartAfterMs: config.restartAfterMs,
      limits: LIMITS,
      upkeep: config.upkeep,
    });
    this.resource = new Resource(marks);
    this.clients = config.clients.map((settings, index) => new ClientHost(this, index, settings));
    this.replicas = config.replicas.map(
      (settings, index) => new ReplicaHost(this, index, settings),
    );
    for (const action of actions) scheduler.at(action.atMs, () => this.#apply(action));
  }

  /** Whether nothing goes wrong any more. */
  get healed(): boolean {
    return this.#healed;
  }

  client(index: number): ClientHost {
    return this.clients[index] as ClientHost;
  }

  replica(index: number): ReplicaHost {
    return this.replicas[index] as ReplicaHost;
  }

  /** Starts the server, all clients and all replicas. */
  start(): void {
    this.server.start();
    for (const client of this.clients) client.start();
    for (const replica of this.replicas) replica.start();
  }

  /** Lets something go wrong later, unless everything has healed by then. */
  wrongAt(atMs: number, fault: () => void): void {
    this.scheduler.at(atMs, () => {
      if (!this.#healed) fault();
    });
  }

  killServer(downMs: number, kept: number, machineToo: boolean): void {
    if (this.#healed || this.server.process === undefined) return;
    this.marks.hit("server killed");
    this.server.kill(kept, machineToo);
    this.scheduler.in(downMs, () => this.server.start());
  }

  /** The server is gone, and comes back on an older copy of its disk. */
  restoreBackup(downMs: number, lostBatches: number): void {
    if (this.#healed || this.server.process === undefined) return;
    this.killServer(downMs, 0, false);
    const unixMs = START_UNIX_MS + Math.ceil(this.scheduler.nowMs);
    this.disk.restore(lostBatches, unixMs, LIMITS.max_ttl_ms);
  }

  /** Nothing goes wrong any more, and whatever stands still goes on. */
  heal(): void {
    this.#healed = true;
    this.network.heal();
    this.disk.heal();
    this.server.heal();
    for (const { life } of this.clients) {
      life?.process.resume();
      for (const name of WIRES) life?.wires[name].heal();
    }
    for (const client of this.clients) client.start();
    for (const replica of this.replicas) replica.heal();
    this.checker.watch(() => this.checker.beliefs.checkAll());
  }

  /**
   * Asks something of the resource for a process. It lies across another network, in which some messages
   * get stuck for a while: those are the writes that only a fencing token can keep away.
   */
  reach<T>(process: SimProcess, ask: () => T): Promise<T> {
    const delayMs = () => this.network.delayMs() + this.#stuckMs();
    return new Promise((resolve, reject) => {
      const answer = (tell: () => void) => this.scheduler.in(delayMs(), () => process.input(tell));
      this.scheduler.in(delayMs(), () => {
        try {
          const value = ask();
          answer(() => resolve(value));
        } catch (error) {
          answer(() => reject(error));
        }
      });
    });
  }

  #stuckMs(): number {
    if (this.#healed || !this.#late.yes(STUCK_PROBABILITY)) return 0;
    return this.#late.between(0, STUCK_MS_MAX);
  }

  #apply(action: Action): void {
    const { kind } = action;
    const definition =
      OPERATIONS[kind] ?? FAULTS[kind] ?? DATASET_OPERATIONS[kind] ?? REPLICA_FAULTS[kind];
    if (definition === undefined) throw new Error(`no action is called ${action.kind}`);
    this.checker.trace(`${action.kind}`);
    definition.apply(this, parametersOf(action));
  }

  #lifeNamed(displayName: string) {
    return this.clients.map(({ life }) => life).find((life) => life?.name === displayName);
  }
}
