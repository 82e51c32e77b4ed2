import { type Client, createClient } from "@lockstep/client";
import { Connection } from "./connection.ts";
import { inMemoryTransport } from "./in-memory-transport.ts";
import { type InProcessServer, openServer } from "./in-process-server.ts";
import type { TestClientOptions, TestServerOptions } from "./options.ts";
import { seededRandom } from "./ports/seeded-random.ts";
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
  /** Closes the clients and the server. Harmless when called again. */
  close(): Promise<void>;
}

/**
 * Starts a server for a unit test: the real one, with all its rules and limits, in this process, with
 * its journal in memory, without a network, and on time that stands still until `advance`.
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const time = new TestTime(options.startUnixMs ?? START_UNIX_MS);
  const server = await openServer(options, time.serverClock);
  return new InMemoryTestServer(time, server, options.seed ?? SEED);
}

class InMemoryTestServer implements TestServer {
  readonly #time: TestTime;
  readonly #server: InProcessServer;
  readonly #connections = new Map<Client, Connection>();
  #seed: number;
  #closing: Promise<void> | undefined;

  constructor(time: TestTime, server: InProcessServer, seed: number) {
    this.#time = time;
    this.#server = server;
    this.#seed = seed;
  }

  get unixMs(): number {
    return this.#time.unixMs;
  }

  get elapsedMs(): number {
    return this.#time.elapsedMs;
  }

  client(options: TestClientOptions = {}): Client {
    if (this.#closing !== undefined) throw new Error("the test server has been closed");
    const connection = new Connection(() => this.#time.notice());
    const client = createClient({
      ...options,
      address: "the test server",
      transport: inMemoryTransport(this.#server.handlers, connection),
      clock: this.#time.clientClock,
      random: seededRandom(this.#seed++),
    });
    this.#connections.set(client, connection);
    return client;
  }

  async advance(ms: number): Promise<void> {
    await this.#time.advance(ms);
    this.#server.check();
  }

  disconnect(client: Client): void {
    this.#connectionOf(client).cut();
  }

  reconnect(client: Client): void {
    this.#connectionOf(client).restore();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    let closed = false;
    const closing = Promise.all([...this.#connections.keys()].map((client) => client.close()));
    void closing.then(() => {
      closed = true;
    });
    await this.#time.advance(0);
    for (let step = 0; !closed; step++) {
      if (step === CLOSE_STEPS_MAX) throw new Error("a client of the test server does not close");
      await this.#time.advance(CLOSE_STEP_MS);
    }
    await this.#server.close();
    await this.#time.advance(0);
    this.#server.check();
  }

  #connectionOf(client: Client): Connection {
    const connection = this.#connections.get(client);
    if (connection === undefined) throw new TypeError("this client is not one of this test server");
    return connection;
  }
}
