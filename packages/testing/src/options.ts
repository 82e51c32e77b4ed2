import type { SessionOptions } from "@lockstep/client";
import type { Limits } from "@lockstep/protocol";

/** What a test server is started with. */
export interface TestServerOptions {
  /** The namespaces to serve. Default `["default"]`. */
  readonly namespaces?: readonly string[];
  /** Limits other than the server's defaults. */
  readonly limits?: Partial<Limits>;
  /** What the clocks show at the beginning, unix milliseconds. Default 2026-01-01T00:00:00Z. */
  readonly startUnixMs?: number;
  /** Where the chance of the clients begins, a whole number. The same in every run by default. */
  readonly seed?: number;
}

/** What a client of a test server is made with: what `connect` takes, but for time, chance and place. */
export interface TestClientOptions extends Omit<SessionOptions, "clock" | "random" | "unref"> {
  /** Whether to use Attach, as clients do in Node. False: only unary calls, as in a browser. Default true. */
  readonly attach?: boolean;
  /**
   * How fast the clocks of the client's machine run: 1.01 is a hundredth too fast. Clients allow for a hundredth either
   * way. Above 0. Default 1.
   */
  readonly clockRate?: number;
}
