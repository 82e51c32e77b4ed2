import type { NetworkSettings } from "../network/network.ts";
import type { DiskSettings } from "../server/disk.ts";
import type { UpkeepSettings } from "../server/server-host.ts";
import type { ClockSettings } from "../time/process-clock.ts";

/** How a client is set up. */
export interface ClientSettings {
  readonly ttlMs: number;
  /** Whether it uses Attach; otherwise only unary calls. */
  readonly attach: boolean;
  readonly clock: ClockSettings;
}

/** How a replica is set up. */
export interface ReplicaSettings {
  readonly clock: ClockSettings;
  /** How long half a transaction of it takes at least, milliseconds. */
  readonly diskMs: number;
  /** It parks changes that its user's code fails on; otherwise it halts. */
  readonly parks: boolean;
  /** Its client keeps a session, so that acks ride on Attach; otherwise each is a call of its own. */
  readonly attach: boolean;
}

/** The policy of the dataset of a run. */
export interface DatasetSettings {
  readonly checkpointChanges: number;
  readonly checkpointIntervalMs: number;
  /** 0: the server's default, more than a run has. */
  readonly retentionChanges: number;
  readonly maxSyncLagMs: number;
  /** The lock whose holder may append with a fence; empty: none. */
  readonly fenceKey: string;
}

/** How the world of a run is set up: drawn once for each seed. */
export interface Config {
  /** How long things may go wrong, milliseconds of true time. */
  readonly durationMs: number;
  readonly clients: readonly ClientSettings[];
  /** Those of the dataset; without any, a run has none. */
  readonly replicas: readonly ReplicaSettings[];
  readonly dataset: DatasetSettings;
  readonly serverClock: ClockSettings;
  readonly network: NetworkSettings;
  readonly disk: DiskSettings;
  readonly upkeep: UpkeepSettings;
  /** How late timers fire at most. */
  readonly timerLateMs: number;
  /** How long a server that ended by itself stays away. */
  readonly restartAfterMs: number;
}

/** Something that happens at a moment of true time: an operation of a client, or a fault. */
export interface Action {
  readonly atMs: number;
  readonly kind: string;
  readonly [parameter: string]: string | number | boolean;
}

/** Everything that decides a run. The same plan gives the same run. */
export interface Plan {
  /** The chance of delays and of the programs themselves follows from it. */
  readonly seed: number;
  readonly config: Config;
  /** By rising time. */
  readonly actions: readonly Action[];
}
