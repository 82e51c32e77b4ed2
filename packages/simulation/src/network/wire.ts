import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import type { SimProcess } from "../time/sim-process.ts";
import { collected } from "./byte-queue.ts";
import { Connection, type Direction } from "./connection.ts";
import type { Network } from "./network.ts";
import { StreamExchange } from "./stream-exchange.ts";
import { ServedUnary, UnaryExchange, type UnaryMessage } from "./unary-exchange.ts";

/** What a wire is made with. */
export interface WireSettings {
  readonly principal: string;
  /** How long silence of a connection goes unnoticed at the client, milliseconds. */
  readonly noticedAfterMs: number;
  /** How long it waits for a connection to be established. */
  readonly connectWithinMs: number;
}

/** A silent connection is given up by the server after this time. */
const SERVER_NOTICES_AFTER_MS = 30_000;

/**
 * The way of one client to the server for one purpose: a connection at a time, a new one when the last has
 * ended, as the client's transport for Node does it.
 */
export class Wire {
  readonly #network: Network;
  readonly #client: SimProcess;
  readonly #settings: WireSettings;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  #unreachableUntilMs = 0;
  readonly #losses: ("request" | "response")[] = [];
  readonly #duplicates: number[] = [];

  constructor(network: Network, client: SimProcess, settings: WireSettings) {
    this.#network = network;
    this.#client = client;
    this.#settings = settings;
  }

  /** Carries one request. */
  readonly fetch = async (request: UniversalClientRequest): Promise<UniversalClientResponse> => {
    const contentType = request.header.get("content-type") ?? "";
    const isStream = contentType.startsWith("application/connect+");
    const connection = await this.#connected();
    request.signal?.throwIfAborted();
    if (isStream) {
      const { principal } = this.#settings;
      const exchange = new StreamExchange(connection, request, principal, this.#network.marks);
      exchange.send();
      return exchange.response;
    }
    return this.#unary(connection, request);
  };

  /** Cuts the connection: both ends learn of it, the server perhaps later. */
  cut(serverAfterMs: number): void {
    const connection = this.#drop();
    if (connection === undefined) return;
    connection.closeAtClient("the connection was cut");
    this.#network.in(serverAfterMs, () => connection.closeAtServer("the connection was cut"));
    this.#network.marks.hit("connection cut");
  }

  /**
   * One direction goes silent for good. The client notices in time, the server late. Returns whether there was a
   * connection.
   */
  halfOpen(direction: Direction): boolean {
    const connection = this.#connection;
    if (connection === undefined) return false;
    connection.die(direction);
    this.#network.in(this.#settings.noticedAfterMs, () => {
      if (!connection.usable) return;
      this.#network.marks.hit("half-open connection noticed");
      if (this.#connection === connection) this.#drop();
      connection.closeAtClient("the connection is silent");
    });
    this.#network.in(SERVER_NOTICES_AFTER_MS, () =>
      connection.closeAtServer("the connection is silent"),
    );
    return true;
  }

  /** Nothing passes for a while, and no new connection comes about; then what was sent arrives. */
  partition(forMs: number): void {
    const untilMs = this.#network.nowMs + forMs;
    this.#unreachableUntilMs = untilMs;
    this.#network.marks.hit("client partitioned");
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.hold("up", untilMs);
    connection.hold("down", untilMs);
    if (forMs < this.#settings.noticedAfterMs) return;
    this.#network.in(this.#settings.noticedAfterMs, () => {
      if (this.#connection === connection) this.#drop();
      connection.closeAtClient("the connection is silent");
    });
    this.#network.in(SERVER_NOTICES_AFTER_MS, () =>
      connection.closeAtServer("the connection is silent"),
    );
  }

  /** Renewals that lie unread at the server. */
  get unreadRenewals(): number {
    return this.#connection?.unreadRenewals ?? 0;
  }

  /** Whether nothing passes now, and no new connection comes about. */
  get partitioned(): boolean {
    return this.#network.nowMs < this.#unreachableUntilMs;
  }

  /** What is sent over the present connection reaches the server at that moment, not before. */
  delayUp(untilMs: number): void {
    this.#connection?.hold("up", untilMs);
  }

  /** Nothing reaches the client over the present connection for a while; then all of it does. */
  stall(forMs: number): void {
    this.#connection?.hold("down", this.#network.nowMs + forMs);
    this.#network.marks.hit("replies get stuck");
  }

  /** The next unary call loses this on its way. */
  loseNext(what: "request" | "response"): void {
    this.#losses.push(what);
  }

  /** The next unary request is delivered once more, so much later. */
  duplicateNext(afterMs: number): void {
    this.#duplicates.push(afterMs);
  }

  /** Nothing is wrong any more. */
  heal(): void {
    this.#unreachableUntilMs = 0;
    this.#losses.length = 0;
    this.#duplicates.length = 0;
    const connection = this.#connection;
    if (connection?.isDead("up") || connection?.isDead("down")) this.cut(0);
  }

  /** The client's process has ended; with its machine, nobody tells the server. */
  clientDied(machineToo: boolean): void {
    const connection = this.#drop();
    const afterMs = machineToo ? SERVER_NOTICES_AFTER_MS : this.#network.delayMs();
    if (connection === undefined) return;
    this.#network.in(afterMs, () => connection.closeAtServer("the client's process has ended"));
  }

  async #unary(
    connection: Connection,
    request: UniversalClientRequest,
  ): Promise<UniversalClientResponse> {
    const { url, method, header } = request;
    const { principal } = this.#settings;
    const body = await collected(request.body);
    const message: UnaryMessage = { url, method, header, body, principal };
    const exchange = new UnaryExchange(connection, message, request);
    const loss = this.#losses.shift();
    exchange.send(loss);
    if (loss !== undefined) {
      this.#network.marks.hit(`${loss} lost`);
      const afterMs = 4 * this.#network.delayMs();
      this.#network.in(afterMs, () => this.#client.input(() => exchange.fail("the call was lost")));
    }
    const duplicateAfterMs = this.#duplicates.shift();
    if (duplicateAfterMs !== undefined) {
      this.#network.in(duplicateAfterMs, () => this.#deliverAgain(message));
    }
    return exchange.response;
  }

  /** Something between the two sends a request once more; nobody listens to its reply. */
  #deliverAgain(message: UnaryMessage): void {
    const { port } = this.#network;
    if (port === undefined) return;
    this.#network.marks.hit("duplicate delivered");
    port.process.input(() => new ServedUnary(port, message, () => {}).serve());
  }

  #connected(): Promise<Connection> {
    const connection = this.#connection;
    if (connection?.usable) return Promise.resolve(connection);
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  #connect(): Promise<Connection> {
    const network = this.#network;
    return new Promise((resolve, reject) => {
      const refuse = (why: string) =>
        this.#client.input(() => reject(new ConnectError(why, Code.Unavailable)));
      if (network.nowMs < this.#unreachableUntilMs) {
        network.in(this.#settings.connectWithinMs, () => refuse("no connection in time"));
        return;
      }
      network.in(2 * network.delayMs(), () => {
        const { port } = network;
        if (port === undefined || port.process.dead) {
          refuse("the connection was refused");
          return;
        }
        const connection = new Connection(network, this.#client, port);
        this.#connection = connection;
        network.connections.add(connection);
        this.#client.input(() => resolve(connection));
      });
    });
  }

  #drop(): Connection | undefined {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) this.#network.connections.delete(connection);
    return connection;
  }
}
