import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Chance } from "../chance.ts";
import type { Marks } from "../marks/marks.ts";
import type { Scheduler } from "../time/scheduler.ts";
import type { SimProcess } from "../time/sim-process.ts";
import type { Connection } from "./connection.ts";

/** How long messages take. */
export interface NetworkSettings {
  /** The shortest way, milliseconds. */
  readonly delayMs: number;
  /** What chance adds, milliseconds. Above 0, calls overtake each other. */
  readonly jitterMs: number;
  /** How often a message takes `spikeMs` more. */
  readonly spikeProbability: number;
  readonly spikeMs: number;
  /** Turns of the event loop before the server's code sees what has been read. */
  readonly turnsToHandOn: number;
}

/** A server that listens: one incarnation of it. */
export interface ServerPort {
  readonly process: SimProcess;
  /** Finds the handler of a path. */
  handler(path: string): UniversalHandler | undefined;
}

/** Where all connections are made, and what is wrong with it at the moment. */
export class Network {
  /** The server that listens, if one does. */
  port: ServerPort | undefined;
  readonly marks: Marks;
  readonly connections = new Set<Connection>();
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  #settings: NetworkSettings;

  constructor(scheduler: Scheduler, settings: NetworkSettings, chance: Chance, marks: Marks) {
    this.#scheduler = scheduler;
    this.#settings = settings;
    this.#chance = chance;
    this.marks = marks;
  }

  get nowMs(): number {
    return this.#scheduler.nowMs;
  }

  get turnsToHandOn(): number {
    return this.#settings.turnsToHandOn;
  }

  at(atMs: number, fn: () => void): void {
    this.#scheduler.at(atMs, fn);
  }

  in(ms: number, fn: () => void): void {
    this.#scheduler.in(ms, fn);
  }

  /** How long the next message takes. */
  delayMs(): number {
    const { delayMs, jitterMs, spikeProbability, spikeMs } = this.#settings;
    const spike = this.#chance.yes(spikeProbability) ? spikeMs : 0;
    return delayMs + jitterMs * this.#chance.fraction() + spike * this.#chance.fraction();
  }

  /** From now on messages take a short time each, the same for all. */
  heal(): void {
    this.#settings = { ...this.#settings, jitterMs: 0, spikeProbability: 0, delayMs: 1 };
  }

  /**
   * The process of a server has ended: its machine answers with a reset, unless the machine is gone too.
   */
  serverDied(port: ServerPort, machineToo: boolean, noticedAfterMs: number): void {
    if (this.port === port) this.port = undefined;
    for (const connection of this.connections) {
      if (connection.port !== port) continue;
      const afterMs = machineToo ? noticedAfterMs : this.delayMs();
      // The reset comes behind what is still on its way.
      const atMs = Math.max(this.nowMs + afterMs, connection.heldUntilMs("down"));
      this.at(atMs, () => connection.closeAtClient("the connection was reset"));
      this.connections.delete(connection);
    }
  }
}
