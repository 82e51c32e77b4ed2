import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  AdminService,
  type CheckFenceResponse,
  type EventFilter,
  EventFilterSchema,
  type ForceReleaseResponse,
  type GetLockResponse,
  type GetServerInfoResponse,
  type ListEventsResponse,
  type ListLocksResponse,
  type ListSessionsResponse,
  LockService,
  type ReplyHeader,
  ServerService,
  SessionService,
} from "@lockstep/protocol";
import type { Activity } from "./activity.ts";
import { faultOf, requestError } from "./calls/fault.ts";
import { ServerUnreachableError } from "./errors.ts";
import type { Clock } from "./ports/clock.ts";
import type { Epochs } from "./session/epochs.ts";
import { withTimeout } from "./timeout.ts";

/** Ends a call early: it rejects with the signal's reason. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Which page of a list. */
export interface PageOptions extends CallOptions {
  /** At most so many items, 1 to 1,000. Default 100. */
  readonly pageSize?: number;
  /** `nextPageToken` of the page before. Default: the beginning. */
  readonly pageToken?: string;
}

/** Which events. Without keys and prefix: all of the namespace. */
export interface EventSelection {
  /** Events that name one of these keys, at most 128. */
  readonly keys?: readonly string[];
  /** Events that name a key that starts with this. Not together with `keys`. */
  readonly prefix?: string;
}

/** What `forceRelease` takes. */
export interface ForceReleaseOptions extends CallOptions {
  readonly key: string;
  /** The token of the hold to end. */
  readonly expectedToken: bigint;
  /** Why, for the audit history, 1 to 512 bytes. */
  readonly reason: string;
  readonly correlationId?: string;
}

/** What reads need. */
export interface ReadsParts {
  readonly clock: Clock;
  readonly activity: Activity;
  readonly transport: Transport;
  readonly epochs: Epochs;
  readonly namespace: string;
  readonly address: string;
  readonly timeoutMs: number;
}

/**
 * Calls outside the session. Each is made once and answers with the protocol's own message; rejects with
 * RequestError when refused, with ServerUnreachableError when there is no answer.
 */
export class Reads {
  readonly #parts: ReadsParts;
  readonly #locks: Client<typeof LockService>;
  readonly #sessions: Client<typeof SessionService>;
  readonly #server: Client<typeof ServerService>;
  readonly #admin: Client<typeof AdminService>;

  constructor(parts: ReadsParts) {
    this.#parts = parts;
    this.#locks = createClient(LockService, parts.transport);
    this.#sessions = createClient(SessionService, parts.transport);
    this.#server = createClient(ServerService, parts.transport);
    this.#admin = createClient(AdminService, parts.transport);
  }

  getLock(key: string, options: CallOptions = {}): Promise<GetLockResponse> {
    const { namespace } = this.#parts;
    return this.#call(options, (signal) => this.#locks.getLock({ namespace, key }, { signal }));
  }

  listLocks(options: PageOptions & { prefix?: string } = {}): Promise<ListLocksResponse> {
    const { prefix = "" } = options;
    const request = { namespace: this.#parts.namespace, keyPrefix: prefix, ...page(options) };
    return this.#call(options, (signal) => this.#locks.listLocks(request, { signal }));
  }

  listSessions(
    options: PageOptions & { includeEnded?: boolean } = {},
  ): Promise<ListSessionsResponse> {
    const { includeEnded = false } = options;
    const request = { namespace: this.#parts.namespace, includeEnded, ...page(options) };
    return this.#call(options, (signal) => this.#sessions.listSessions(request, { signal }));
  }

  listEvents(
    options: CallOptions & EventSelection & { afterRevision?: bigint; pageSize?: number } = {},
  ): Promise<ListEventsResponse> {
    const { afterRevision = 0n, pageSize = 0 } = options;
    const filter = filterOf(options);
    const request = { namespace: this.#parts.namespace, filter, afterRevision, pageSize };
    return this.#call(options, (signal) => this.#locks.listEvents(request, { signal }));
  }

  checkFence(key: string, token: bigint, options: CallOptions = {}): Promise<CheckFenceResponse> {
    const request = { namespace: this.#parts.namespace, key, token };
    return this.#call(options, (signal) => this.#locks.checkFence(request, { signal }));
  }

  forceRelease(options: ForceReleaseOptions): Promise<ForceReleaseResponse> {
    const { key, expectedToken, reason, correlationId = "" } = options;
    const { namespace } = this.#parts;
    const request = { namespace, key, expectedToken, reason, correlationId };
    return this.#call(options, (signal) => this.#admin.forceRelease(request, { signal }));
  }

  serverInfo(options: CallOptions = {}): Promise<GetServerInfoResponse> {
    const { namespace } = this.#parts;
    // About the server itself, which may be one that still recovers.
    return this.#once(options, (signal) => this.#server.getServerInfo({ namespace }, { signal }));
  }

  async #call<R extends { header?: ReplyHeader | undefined }>(
    options: CallOptions,
    call: (signal: AbortSignal) => Promise<R>,
  ): Promise<R> {
    const reply = await this.#once(options, call);
    const { address, epochs } = this.#parts;
    if (epochs.admit(reply.header)) return reply;
    const cause = new Error("a server answered that has been replaced since");
    throw new ServerUnreachableError(address, { cause });
  }

  async #once<R>({ signal }: CallOptions, call: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const { clock, timeoutMs, address, activity } = this.#parts;
    const idle = activity.begin();
    try {
      return await withTimeout(clock, timeoutMs, signal, call);
    } catch (error) {
      signal?.throwIfAborted();
      throw callError(error, address);
    } finally {
      idle();
    }
  }
}

/** What an application sees of an error outside a session. */
function callError(error: unknown, address: string): Error {
  const fault = faultOf(error);
  if (fault.reason !== undefined) return requestError(fault);
  return new ServerUnreachableError(address, { cause: error });
}

/** The filter of the protocol for a selection. */
export function filterOf({ keys = [], prefix = "" }: EventSelection): EventFilter {
  return create(EventFilterSchema, { keys: [...keys], keyPrefix: prefix });
}

function page({ pageSize = 0, pageToken = "" }: PageOptions) {
  return { pageSize, pageToken };
}
