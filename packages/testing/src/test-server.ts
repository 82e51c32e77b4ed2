import { type Client, createClient } from "@lockstep/client";
import { Connection } from "./connection.ts";
import { inMemoryTransport } from "./in-memory-transport.ts";
import {
  type InProcessServer,
  type Journals,
  newJournals,
  openServer,
} from "./in-process-server.ts";
import type { TestClientOptions, TestServerOptions } from "./options.ts";
import { seededRandom } from "./ports/seeded-random.ts";
import type { TestProcess } from "./ports/test-process.ts";
import { TestTime } from "./ports/test-time.ts";

const START_UNIX_MS = Date.UTC(2026, 0, 1);
const SEED = 1;
/** Clients whose server cannot be reached give up after a while of their own time. */
const CLOSE_STEP_MS = 1_000;
const CLOSE_STEPS_MAX = 60;

/** A Lockstep server inside the test, on time that only the test moves. */
export interface TestServer extends AsyncDisposable {
  /**
   * Makes a client of this server. It goes by the same time as the server, and is closed with it.
   * @throws RangeError for a time out of its bounds
   */
  client(options?: TestClientOptions): Client;
  /**
   * Lets time pass for the server and all clients, from one due timer to the next; at the same moment
   * clients come before the server. Resolves when everything that was due has come to rest; 0 only waits
   * for that. Start what needs time before, and await it after.
   * @param ms a whole number of milliseconds, 0 or more
   */
  advance(ms: number): Promise<void>;
  /** What the clocks show, unix milliseconds. */
  readonly unixMs: number;
  /** How much time has passed since the server was started, milliseconds. */
  readonly elapsedMs: number;
  /** Cuts the connection of a client: its calls fail, and so do new ones until `reconnect`. */
  disconnect(client: Client): void;
  /** Restores the connection of a client. */
  reconnect(client: Client): void;
  /**
   * Lets the process of a client, or without one that of the server, stand still, as a debugger, a full collection of
   * garbage or a hypervisor does: its timers do not fire and nothing reaches or leaves it, while its clocks go on. What
   * the test itself asks a handle is answered as ever, by the clocks. Harmless when it stands still already.
   */
  pause(client?: Client): void;
  /** Suspends the machine of a client, as closing a laptop does: as `pause`, but only its wall clock goes on. */
  sleep(client: Client): void;
  /**
   * Ends a `pause` or `sleep`. First the timers fire that are overdue, then what has arrived is read. Harmless when
   * nothing stands still.
   */
  resume(client?: Client): void;
  /** Sets the wall clock of a client's machine forward by so many milliseconds, or back when negative. */
  shiftWallClock(client: Client, ms: number): void;
  /** Ends the server as `kill -9` does. Nobody answers until `start`; what it had written is kept. */
  stop(): Promise<void>;
  /** Starts the server again on what it had written: in a new epoch, with its sessions, locks and queues. Harmless when it runs. */
  start(): Promise<void>;
  /** Closes the clients and the server. Harmless when called again. */
  close(): Promise<void>;
}

/**
 * Starts a server for a unit test: the real one, with all its rules and limits, in this process, with
 * its journal in memory, without a network, and on time that stands still until `advance`.
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const time = new TestTime(options.startUnixMs ?? START_UNIX_MS);
  const server = new InMemoryTestServer(time, options);
  await server.start();
  return server;
}

/** A client, as its server sees it. */
interface Peer {
  readonly connection: Connection;
  readonly process: TestProcess;
}

class InMemoryTestServer implements TestServer {
  readonly #time: TestTime;
  readonly #options: TestServerOptions;
  readonly #peers = new Map<Client, Peer>();
  #server: InProcessServer | undefined;
  #journals: Journals;
  #seed: number;
  #closing: Promise<void> | undefined;

  constructor(time: TestTime, options: TestServerOptions) {
    this.#time = time;
    this.#options = options;
    this.#journals = newJournals(options);
    this.#seed = options.seed ?? SEED;
  }

  get unixMs(): number {
    return this.#time.server.unixMs;
  }

  get elapsedMs(): number {
    return this.#time.elapsedMs;
  }

  client({ clockRate = 1, ...options }: TestClientOptions = {}): Client {
    this.#checkOpen();
    if (!(clockRate > 0)) throw new RangeError(`clockRate is above 0, not ${clockRate}`);
    const process = this.#time.client(clockRate);
    const connection = new Connection([process, this.#time.server], () => this.#time.notice());
    const client = createClient({
      ...options,
      address: "the test server",
      transport: inMemoryTransport(() => this.#server?.answer, connection),
      clock: process.clientClock(),
      random: seededRandom(this.#seed++),
    });
    this.#peers.set(client, { connection, process });
    return client;
  }

  async advance(ms: number): Promise<void> {
    await this.#time.advance(ms);
    this.#server?.check();
  }

  disconnect(client: Client): void {
    this.#peerOf(client).connection.cut();
  }

  reconnect(client: Client): void {
    this.#peerOf(client).connection.restore();
  }

  pause(client?: Client): void {
    this.#processOf(client).pause(false);
  }

  sleep(client: Client): void {
    this.#processOf(client).pause(true);
  }

  resume(client?: Client): void {
    this.#processOf(client).resume();
  }

  shiftWallClock(client: Client, ms: number): void {
    this.#peerOf(client).process.shiftWallClock(ms);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    for (const { connection } of this.#peers.values()) connection.end();
    this.#time.server.resume();
    this.#journals = await server.crash();
    server.check();
  }

  async start(): Promise<void> {
    this.#checkOpen();
    this.#server ??= await openServer(
      this.#options,
      this.#time.server.serverClock(),
      this.#journals,
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    for (const { process } of this.#peers.values()) process.resume();
    this.#time.server.resume();
    let closed = false;
    const closing = Promise.all([...this.#peers.keys()].map((client) => client.close()));
    void closing.then(() => {
      closed = true;
    });
    await this.#time.advance(0);
    for (let step = 0; !closed; step++) {
      if (step === CLOSE_STEPS_MAX) throw new Error("a client of the test server does not close");
      await this.#time.advance(CLOSE_STEP_MS);
    }
    await this.#server?.close();
    await this.#time.advance(0);
    this.#server?.check();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new Error("the test server has been closed");
  }

  #processOf(client: Client | undefined): TestProcess {
    return client === undefined ? this.#time.server : this.#peerOf(client).process;
  }

  #peerOf(client: Client): Peer {
    const peer = this.#peers.get(client);
    if (peer === undefined) throw new TypeError("this client is not one of this test server");
    return peer;
  }
}
