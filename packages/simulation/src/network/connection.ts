import { Code, ConnectError } from "@connectrpc/connect";
import type { SimProcess } from "../time/sim-process.ts";
import type { Network, ServerPort } from "./network.ts";

/** A direction: up is from the client to the server. */
export type Direction = "up" | "down";

/** One call on a connection, as either side knows it. */
export interface Exchange {
  /** The connection is gone; called in the process of the side it is for. */
  lost(error: ConnectError): void;
}

/** Keeps the messages of one stream in order. */
export interface Lane {
  up: number;
  down: number;
}

/**
 * A connection between a client and one incarnation of the server. Each side learns of its end by itself,
 * or never does.
 */
export class Connection {
  readonly client: SimProcess;
  readonly port: ServerPort;
  /** The calls each side knows of. */
  readonly atClient = new Set<Exchange>();
  readonly atServer = new Set<Exchange>();
  readonly #network: Network;
  readonly #dead = { up: false, down: false };
  readonly #heldUntilMs = { up: 0, down: 0 };
  readonly #closed = { up: false, down: false };
  /** Renewals that lie in the server's sockets, where its code has not seen them yet. */
  #unreadRenewals = 0;

  constructor(network: Network, client: SimProcess, port: ServerPort) {
    this.#network = network;
    this.client = client;
    this.port = port;
  }

  /** Whether the client may still use it. */
  get usable(): boolean {
    return !this.#closed.down;
  }

  /** How many renewals have arrived at the server that its code has not seen yet. */
  get unreadRenewals(): number {
    return this.#closed.up || this.port.process.dead ? 0 : this.#unreadRenewals;
  }

  /** Whether something sent now in this direction is lost. */
  isDead(direction: Direction): boolean {
    return this.#dead[direction];
  }

  /**
   * Carries something to the other side, where `arrive` runs in the process it is for.
   * @param isRenewal it carries a keep-alive to the server
   */
  carry(direction: Direction, lane: Lane, arrive: () => void, isRenewal = false): void {
    const sender = direction === "up" ? this.client : this.port.process;
    if (sender.dead || this.#dead[direction]) return;
    const network = this.#network;
    const earliest = Math.max(lane[direction], this.#heldUntilMs[direction]);
    const atMs = Math.max(network.nowMs + network.delayMs(), earliest);
    lane[direction] = atMs;
    network.at(atMs, () => this.#deliver(direction, arrive, isRenewal));
  }

  /** Nothing that is sent from now on arrives before that moment. */
  hold(direction: Direction, untilMs: number): void {
    this.#heldUntilMs[direction] = Math.max(this.#heldUntilMs[direction], untilMs);
  }

  /** Until when nothing arrives. */
  heldUntilMs(direction: Direction): number {
    return this.#heldUntilMs[direction];
  }

  /** Nothing that is sent from now on arrives at all; nobody is told. */
  die(direction: Direction): void {
    this.#dead[direction] = true;
  }

  /** Ends it for the client, after what has arrived there. */
  closeAtClient(why: string): void {
    this.client.input(() => this.#close("down", this.atClient, why));
  }

  /** Ends it for the server. */
  closeAtServer(why: string): void {
    this.port.process.input(() => this.#close("up", this.atServer, why));
  }

  #close(direction: Direction, exchanges: Set<Exchange>, why: string): void {
    if (this.#closed[direction]) return;
    this.#closed[direction] = true;
    const error = new ConnectError(why, Code.Unavailable);
    for (const exchange of [...exchanges]) exchange.lost(error);
    exchanges.clear();
  }

  #deliver(direction: Direction, arrive: () => void, isRenewal: boolean): void {
    const { client, port } = this;
    if (direction === "down") {
      client.input(() => {
        if (!this.#closed.down) arrive();
      });
      return;
    }
    // What a poll has read is handed on in the turns that follow it.
    if (isRenewal) this.#unreadRenewals += 1;
    port.process.input(() =>
      port.process.afterTurns(this.#network.turnsToHandOn, () => {
        if (isRenewal) this.#unreadRenewals -= 1;
        if (!this.#closed.up) arrive();
      }),
    );
  }
}
