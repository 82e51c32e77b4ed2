import { Code, ConnectError } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { type Clock, systemClock } from "./ports/clock.ts";

const PARTS_PER_TTL = 6;
// A connection over half the world, with TLS, is established within this time.
const CONNECT_TIMEOUT_MS_MIN = 1_000;
const CONNECT_TIMEOUT_MS_MAX = 5_000;

type RequestArguments = Parameters<Http2SessionManager["request"]>;

/** What connections are made with. */
export interface ConnectionsOptions {
  readonly url: string;
  /** Time to live of the session they serve, milliseconds. */
  readonly ttlMs: number;
  /** Default: that of the machine. */
  readonly clock?: Clock | undefined;
  /** Let the process exit although calls are open. Default false. */
  readonly unref?: boolean | undefined;
  /** As node:http2 takes them. */
  readonly http2?: ConstructorParameters<typeof Http2SessionManager>[2];
}

/**
 * HTTP/2 connections that fail soon enough for there to be time for another one, whether they go silent or are never
 * established, and whose end only reaches the calls on them.
 */
export class Connections extends Http2SessionManager {
  readonly #clock: Clock;
  readonly #unref: boolean;
  readonly #connectTimeoutMs: number;

  constructor({ url, ttlMs, clock = systemClock, unref = false, http2 }: ConnectionsOptions) {
    // A silent connection is found within a third of the time to live.
    const partMs = ttlMs / PARTS_PER_TTL;
    super(url, { pingIntervalMs: partMs, pingTimeoutMs: partMs }, http2);
    this.#clock = clock;
    this.#unref = unref;
    this.#connectTimeoutMs = Math.min(
      Math.max(partMs, CONNECT_TIMEOUT_MS_MIN),
      CONNECT_TIMEOUT_MS_MAX,
    );
  }

  override async request(...args: RequestArguments) {
    const joins = this.state() === "connecting";
    try {
      return await this.#request(args);
    } catch (error) {
      // An attempt that others had begun before tells of a server that was away, and it may have come back since. A
      // request that got no connection was not sent.
      if (joins && isRefusal(error)) return await this.#request(args);
      throw error;
    }
  }

  async #request(args: RequestArguments) {
    // While packets are lost the system asks for a connection again after pauses that double up to minutes, and goes
    // on pausing when they are no longer lost. A new attempt asks at once.
    const timeout = this.#clock.after(this.#connectTimeoutMs, () => {
      if (this.state() === "connecting") this.abort(this.#noConnection());
    });
    try {
      const stream = await super.request(...args);
      const { session } = stream;
      if (this.#unref) session?.unref();
      // A connection that is destroyed tells so a few turns later. When a call asks for a new connection meanwhile,
      // the manager has stopped to listen to the old one, and an error that nobody listens to ends the process.
      if (session?.listenerCount("error", ignore) === 0) session.on("error", ignore);
      return stream;
    } finally {
      timeout.cancel();
    }
  }

  #noConnection(): ConnectError {
    return new ConnectError(`no connection within ${this.#connectTimeoutMs} ms`, Code.Unavailable);
  }
}

/** Whether the system said that there is no connection; neither the time that is allowed was over, nor was it closed here. */
function isRefusal(error: unknown): boolean {
  return error instanceof ConnectError && error.cause instanceof Error;
}

function ignore(): void {}
