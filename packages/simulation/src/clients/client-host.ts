import type { Transport } from "@connectrpc/connect";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { type Client, createClient } from "@lockstep/client";
import type { Chance } from "../chance.ts";
import { Wire } from "../network/wire.ts";
import type { ClientSettings } from "../plan/config.ts";
import type { World } from "../run/world.ts";
import { SimProcess } from "../time/sim-process.ts";
import { Renewals } from "./renewals.ts";

// The server has limits of its own; the library takes no larger ones than this.
const MAX_BYTES = 0xffffffff;

/** The purposes for which a client has a connection each. */
export const WIRES = ["calls", "control", "watch"] as const;
/** One of them. */
export type WireName = (typeof WIRES)[number];

/** One life of a client: a process with the real client in it. */
export interface Life {
  readonly name: string;
  readonly process: SimProcess;
  readonly client: Client;
  readonly wires: Readonly<Record<WireName, Wire>>;
  readonly renewals: Renewals;
  /** What its application has under way, by what it is. */
  readonly open: Map<number, string>;
  closing: boolean;
}

/** The machine of a client: it runs one process after the other. */
export class ClientHost {
  readonly index: number;
  readonly settings: ClientSettings;
  readonly #world: World;
  readonly #chance: Chance;
  #life: Life | undefined;
  #lives = 0;
  #operations = 0;

  constructor(world: World, index: number, settings: ClientSettings) {
    this.#world = world;
    this.index = index;
    this.settings = settings;
    this.#chance = world.chance.of(`client ${index}`);
  }

  /** The life it leads, if it does. */
  get life(): Life | undefined {
    return this.#life;
  }

  /** Starts a process unless one runs. */
  start(): void {
    if (this.#life !== undefined) return;
    this.#lives += 1;
    const { scheduler, network, config } = this.#world;
    const { ttlMs, attach, clock } = this.settings;
    const name = `client ${this.index}.${this.#lives}`;
    const chance = this.#chance.of(`life ${this.#lives}`);
    const timerLateMs = config.timerLateMs;
    const process = new SimProcess(name, scheduler, clock, chance.of("timers"), timerLateMs);
    const wireSettings = {
      principal: `machine ${this.index}`,
      noticedAfterMs: ttlMs / 3,
      connectWithinMs: Math.min(Math.max(ttlMs / 6, 1_000), 5_000),
    };
    const wire = () => new Wire(network, process, wireSettings);
    const wires = { calls: wire(), control: wire(), watch: wire() };
    const renewals = new Renewals(process, this.#world.marks);
    const random = { fraction: () => chance.fraction(), bytes: (n: number) => chance.bytes(n) };
    const client = createClient({
      transport: transportOver(wires.calls, renewals),
      controlTransport: transportOver(wires.control, renewals),
      watchTransport: transportOver(wires.watch, renewals),
      clock: process.clientClock(),
      random,
      ttlMs,
      attach,
      displayName: name,
      address: "the simulated server",
    });
    this.#life = { name, process, client, wires, renewals, open: new Map(), closing: false };
  }

  /** The process ends without a word; with its machine, nobody tells the server. */
  kill(machineToo: boolean): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    life.process.kill();
    for (const name of WIRES) life.wires[name].clientDied(machineToo);
  }

  /** The application closes the client; its machine may start another. */
  close(): void {
    const life = this.#life;
    if (life === undefined || life.closing) return;
    life.closing = true;
    this.run("close", async () => {
      await life.client.close();
      if (this.#life === life) this.kill(false);
    });
  }

  /** Runs something of the application in the process that lives now. */
  run(what: string, operation: (life: Life) => Promise<void>): void {
    const life = this.#life;
    if (life === undefined) return;
    const { checker } = this.#world;
    life.process.input(() => {
      if (life !== this.#life) return;
      const id = this.#operations++;
      life.open.set(id, what);
      operation(life).then(
        () => life.open.delete(id),
        (error: unknown) => {
          life.open.delete(id);
          checker.fail(
            "an operation ends as it is promised",
            `${what} of ${life.name} ended with ${error instanceof Error ? error.stack : error}`,
          );
        },
      );
    });
  }
}

/** Waits so long by the clock of a process. */
export function sleep(process: SimProcess, ms: number): Promise<void> {
  return new Promise((resolve) => process.after(ms, resolve));
}

/** The transport of a client over one of its wires. */
export function transportOver(wire: Wire, renewals: Renewals): Transport {
  return createTransport({
    httpClient: wire.fetch,
    baseUrl: "http://simulated",
    useBinaryFormat: true,
    interceptors: [renewals.interceptor],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: MAX_BYTES,
    readMaxBytes: MAX_BYTES,
    writeMaxBytes: MAX_BYTES,
  });
}
