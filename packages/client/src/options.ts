import type { Transport } from "@connectrpc/connect";
import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { attachOver, type OpenAttach } from "./attach/open-attach.ts";
import type { Clock } from "./ports/clock.ts";
import type { Random } from "./ports/random.ts";

/** How long calls look for a server before they reject with ServerUnreachableError, by default. */
export const CONNECT_TIMEOUT_MS_DEFAULT = 10_000;

/** What every client can be told, whatever carries its requests. */
export interface SessionOptions {
  /** The namespace, a name of 1 to 512 bytes. Default `default`. */
  readonly namespace?: string;
  /**
   * Time to live of the session without a renewal, milliseconds, 2,000 to 3,600,000. Default 15,000. A holder that
   * dies blocks others at most about so long; a holder that is cut off believes in its locks a little less long.
   */
  readonly ttlMs?: number;
  /** What people see in lists, at most 512 bytes, no control characters. Default empty. */
  readonly displayName?: string;
  /** Anything that helps people: at most 16 entries, key 1 to 128 bytes, value at most 512 bytes. Default none. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Let the process exit although the client is open, locks included, unless a call is under way. Default false: it stays alive until `close`. */
  readonly unref?: boolean;
  /** How long a call looks for a server before it rejects with ServerUnreachableError, milliseconds, above 0. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Time, for tests and simulations. Default: that of the machine. */
  readonly clock?: Clock;
  /** Chance, for tests and simulations. Default: that of the machine. */
  readonly random?: Random;
}

/** What `createClient` takes. */
export interface ClientOptions extends SessionOptions {
  /** Carries Attach or, in its place, waiting acquires. */
  readonly transport: Transport;
  /**
   * Carries keep-alives and other short calls. Give it a connection of its own, so that it never queues behind
   * waiting calls. Default: `transport`.
   */
  readonly controlTransport?: Transport;
  /** Carries watches. Give it a connection of its own, so that a slow reader holds up nobody else. Default: `transport`. */
  readonly watchTransport?: Transport;
  /** Carries subscriptions and other large parts of datasets. Give it a connection of its own, too. Default: `watchTransport`. */
  readonly bulkTransport?: Transport;
  /**
   * Whether to try Attach, which needs bidirectional streams; unary calls take its place where it is not possible. A
   * function opens it in a way of its own. Default true: over `transport`.
   */
  readonly attach?: boolean | OpenAttach;
  /** Where the server is, for messages. Default: what the transport does not tell, `the given transport`. */
  readonly address?: string;
  /** Called once, after the client has been closed: end the connections here. */
  readonly onClosed?: () => void;
}

/** How options want an Attach opened; undefined: not at all. */
export function openAttachOf({ attach = true, transport }: ClientOptions): OpenAttach | undefined {
  if (typeof attach === "function") return attach;
  return attach ? attachOver(transport) : undefined;
}

/** Checks a time against its bounds. */
export function checkedMs(name: string, value: number, min: number, max: number): number {
  return checkedNumber(name, value, min, max, " of milliseconds");
}

/** Checks a whole number against its bounds. */
export function checkedNumber(
  name: string,
  value: number,
  min: number,
  max: number,
  of = "",
): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name} is a whole number${of} from ${min} to ${max}, not ${value}`);
}

/** The time to live that options ask for. */
export function ttlOf({ ttlMs = DEFAULT_LIMITS.default_ttl_ms }: SessionOptions): number {
  return checkedMs("ttlMs", ttlMs, DEFAULT_LIMITS.min_ttl_ms, DEFAULT_LIMITS.max_ttl_ms);
}
