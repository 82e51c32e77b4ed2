import { DEFAULT_LIMITS, Durability, type Limits } from "@lockstep/protocol";
import {
  createHandlers,
  createLog,
  type Handlers,
  type Namespace,
  openNamespace,
  type Clock as ServerClock,
  serverVersion,
} from "@lockstep/server";
import { coreCodec, InProcessMaker } from "@lockstep/server/internal";
import type { Chance } from "../chance.ts";
import type { Network, ServerPort } from "../network/network.ts";
import type { ClockSettings } from "../time/process-clock.ts";
import type { Scheduler } from "../time/scheduler.ts";
import { SimProcess } from "../time/sim-process.ts";
import type { Disk } from "./disk.ts";
import { type OperationObserver, observedNamespace } from "./observed-namespace.ts";

/** The namespace of a run. */
const NAMESPACE = "default";
const CLUSTER_ID = "00000000-0000-4000-8000-000000000000";
const NODE = "simulated";

/** What the server tells of its incarnations. */
export interface ServerObserver extends OperationObserver {
  /** A namespace answers from now on. */
  started(process: SimProcess): void;
  /** It stopped for a reason that is not the journal's. */
  broke(error: unknown): void;
}

/** How the journal is kept bounded. */
export interface UpkeepSettings {
  /** A snapshot is made after so many events; 0: never. */
  readonly snapshotEvents: number;
  /** How many of the last events are kept beside it. */
  readonly historyEvents: number;
}

/** What a server host is made of. */
export interface ServerParts {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly disk: Disk;
  readonly chance: Chance;
  readonly observer: ServerObserver;
  readonly clock: ClockSettings;
  readonly timerLateMs: number;
  /** How long it stays away after it has ended by itself, milliseconds. */
  readonly restartAfterMs: number;
  readonly limits: Partial<Limits>;
  readonly upkeep: UpkeepSettings;
}

interface Incarnation {
  readonly process: SimProcess;
  port: ServerPort | undefined;
  close: (() => void) | undefined;
  readonly stopping: AbortController;
}

/** What is kept by age in every run. */
const HISTORY_AGE_MS = 3_600_000;
/** A process that stops by request ends after this time at the latest. */
const DRAIN_MS = 5_000;

/** The machine of the server: it runs one incarnation of it at a time, all on the same disk. */
export class ServerHost {
  readonly #parts: ServerParts;
  #current: Incarnation | undefined;
  #count = 0;
  #restartAfterMs: number;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.#restartAfterMs = parts.restartAfterMs;
  }

  /** The process that runs, if one does. */
  get process(): SimProcess | undefined {
    return this.#current?.process;
  }

  /** Starts the server unless it runs. */
  start(): void {
    if (this.#current !== undefined) return;
    const { scheduler, clock, chance, timerLateMs } = this.#parts;
    this.#count += 1;
    const own = chance.of(`process ${this.#count}`);
    const settings = { ...clock, monotonicMs: own.whole(0, 1_000_000) };
    const process = new SimProcess(`server ${this.#count}`, scheduler, settings, own, timerLateMs);
    const stopping = new AbortController();
    const incarnation: Incarnation = { process, port: undefined, close: undefined, stopping };
    this.#current = incarnation;
    process.afterTurn(() => {
      this.#boot(incarnation).catch((error: Error) => this.#stopped(incarnation, error));
    });
  }

  /**
   * The process ends at this instant.
   * @param kept how many batches under way are on the disk all the same
   * @param machineToo nobody tells the clients
   */
  kill(kept: number, machineToo: boolean): void {
    const incarnation = this.#current;
    if (incarnation === undefined) return;
    this.#current = undefined;
    incarnation.process.kill();
    this.#parts.disk.crash(kept);
    const { network, chance } = this.#parts;
    if (incarnation.port === undefined) return;
    network.serverDied(incarnation.port, machineToo, chance.between(300, 3_000));
  }

  /** Stops in good order: streams end with a word, what is under way is answered, then the process ends. */
  stop(): void {
    const incarnation = this.#current;
    if (incarnation === undefined) return;
    const { process, stopping } = incarnation;
    process.input(() => {
      if (incarnation.port !== undefined && this.#parts.network.port === incarnation.port) {
        this.#parts.network.port = undefined;
      }
      stopping.abort();
      process.after(DRAIN_MS, () => {
        incarnation.close?.();
        this.#end(incarnation);
      });
    });
  }

  /** The process ends by itself; somebody starts it again. */
  #end(incarnation: Incarnation): void {
    if (this.#current !== incarnation) return;
    this.kill(0, false);
    this.#parts.scheduler.in(this.#restartAfterMs, () => this.start());
  }

  /** From now on a server runs, and one that is about to end is replaced at once. */
  heal(): void {
    this.#restartAfterMs = 1;
    if (this.#current?.stopping.signal.aborted) this.kill(0, false);
    this.process?.resume();
    this.start();
  }

  async #boot(incarnation: Incarnation): Promise<void> {
    const { process, stopping } = incarnation;
    const { network, disk, observer, limits: changed, chance } = this.#parts;
    const salts = chance.of(`salts ${this.#count}`);
    const limits: Limits = { ...DEFAULT_LIMITS, ...changed };
    const clock = process.serverClock();
    const { lineage } = disk;
    const executor = await openNamespace({
      name: NAMESPACE,
      clusterId: CLUSTER_ID,
      node: NODE,
      serverVersion,
      clock,
      journal: disk.open(process) as never,
      limits,
      lineage,
      upkeep: this.#upkeep(limits, clock),
      onStopped: (error) => this.#stopped(incarnation, error),
    });
    if (process.dead) return;
    const namespace: Namespace = observedNamespace(executor, observer);
    const handlers = createHandlers(
      {
        identity: {
          clusterId: CLUSTER_ID,
          node: NODE,
          serverVersion,
          durability: Durability.NONE,
        },
        namespaces: new Map([[NAMESPACE, namespace]]),
        limits,
        clock,
        random: { bytes: (length) => salts.bytes(length), uuid: () => CLUSTER_ID },
        log: createLog("silent", clock, { write: () => undefined }),
        stopping: stopping.signal,
      },
      undefined,
    );
    incarnation.port = { process, handler: finder(handlers) };
    network.port = incarnation.port;
    incarnation.close = () => {
      handlers.close();
      executor.close();
    };
    executor.start();
    observer.started(process);
  }

  /** Snapshots are made at once and history goes early, where the run wants it so. */
  #upkeep(limits: Limits, clock: ServerClock) {
    const { snapshotEvents, historyEvents } = this.#parts.upkeep;
    if (snapshotEvents === 0) return undefined;
    return {
      policy: { snapshotEvents, historyEvents, historyAgeMs: HISTORY_AGE_MS },
      maker: new InProcessMaker(limits, coreCodec, clock),
      onNotice: () => undefined,
    };
  }

  /** The journal or an invariant failed: the process ends with this turn. */
  #stopped(incarnation: Incarnation, error: Error): void {
    if (!error.name.startsWith("Journal")) this.#parts.observer.broke(error);
    incarnation.process.afterTurn(() => this.#end(incarnation));
  }
}

function finder({ all }: Handlers): ServerPort["handler"] {
  const byPath = new Map(all.map((handler) => [handler.requestPath, handler]));
  return (path) => byPath.get(path);
}
