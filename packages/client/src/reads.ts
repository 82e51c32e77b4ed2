import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  type CheckFenceResponse,
  type EventFilter,
  EventFilterSchema,
  type GetLockResponse,
  type GetServerInfoResponse,
  type ListEventsResponse,
  type ListLocksResponse,
  type ListSessionsResponse,
  LockService,
  type RequestReleaseResponse,
  ServerService,
  SessionService,
} from "@lockstep/protocol";
import type { Caller, CallOptions } from "./calls/caller.ts";

/** Which page of a list. */
export interface PageOptions extends CallOptions {
  /** At most so many items, 1 to 1,000. Default 100. */
  readonly pageSize?: number;
  /** `nextPageToken` of the page before. Default: the beginning. */
  readonly pageToken?: string;
}

/** Which events: those that fulfil all that is given. Without anything: all of the namespace. */
export interface EventSelection {
  /** Events that name one of these keys, at most 128. */
  readonly keys?: readonly string[];
  /** Events that name a key that starts with this. Not together with `keys`. */
  readonly prefix?: string;
  /** Events about this session. */
  readonly sessionId?: bigint;
  /** Events that this principal caused. */
  readonly actor?: string;
  /** Events decided at or after this moment, unix milliseconds of the server. */
  readonly fromAtMs?: number;
  /** Events decided before this moment, unix milliseconds of the server. */
  readonly untilAtMs?: number;
}

/** What `requestRelease` takes. */
export interface RequestReleaseOptions extends CallOptions {
  readonly key: string;
  /** The token of the hold to ask for. Default: every hold of the key. */
  readonly token?: bigint;
  /** Why, told to the holder; at most 512 bytes. Default empty. */
  readonly reason?: string;
  /** Stored in the events this causes, at most 128 bytes. Default empty. */
  readonly correlationId?: string;
}

/** Calls outside the session. Each is made once and answers with the protocol's own message. */
export class Reads {
  readonly #caller: Caller;
  readonly #namespace: string;
  readonly #locks: Client<typeof LockService>;
  readonly #sessions: Client<typeof SessionService>;
  readonly #server: Client<typeof ServerService>;

  constructor(caller: Caller, transport: Transport, namespace: string) {
    this.#caller = caller;
    this.#namespace = namespace;
    this.#locks = createClient(LockService, transport);
    this.#sessions = createClient(SessionService, transport);
    this.#server = createClient(ServerService, transport);
  }

  getLock(key: string, options: CallOptions = {}): Promise<GetLockResponse> {
    const request = { namespace: this.#namespace, key };
    return this.#caller.call(options, (signal) => this.#locks.getLock(request, { signal }));
  }

  listLocks(options: PageOptions & { prefix?: string } = {}): Promise<ListLocksResponse> {
    const { prefix = "" } = options;
    const request = { namespace: this.#namespace, keyPrefix: prefix, ...page(options) };
    return this.#caller.call(options, (signal) => this.#locks.listLocks(request, { signal }));
  }

  listSessions(
    options: PageOptions & { includeEnded?: boolean } = {},
  ): Promise<ListSessionsResponse> {
    const { includeEnded = false } = options;
    const request = { namespace: this.#namespace, includeEnded, ...page(options) };
    return this.#caller.call(options, (signal) => this.#sessions.listSessions(request, { signal }));
  }

  listEvents(
    options: CallOptions & EventSelection & { afterRevision?: bigint; pageSize?: number } = {},
  ): Promise<ListEventsResponse> {
    const { afterRevision = 0n, pageSize = 0 } = options;
    const filter = filterOf(options);
    const request = { namespace: this.#namespace, filter, afterRevision, pageSize };
    return this.#caller.call(options, (signal) => this.#locks.listEvents(request, { signal }));
  }

  checkFence(key: string, token: bigint, options: CallOptions = {}): Promise<CheckFenceResponse> {
    const request = { namespace: this.#namespace, key, token };
    return this.#caller.call(options, (signal) => this.#locks.checkFence(request, { signal }));
  }

  requestRelease(options: RequestReleaseOptions): Promise<RequestReleaseResponse> {
    const { key, token = 0n, reason = "", correlationId = "" } = options;
    const request = { namespace: this.#namespace, key, token, reason, correlationId };
    return this.#caller.call(options, (signal) => this.#locks.requestRelease(request, { signal }));
  }

  serverInfo(options: CallOptions = {}): Promise<GetServerInfoResponse> {
    const request = { namespace: this.#namespace };
    // About the server itself, which may be one that still recovers.
    return this.#caller.once(options, (signal) => this.#server.getServerInfo(request, { signal }));
  }
}

/** The filter of the protocol for a selection. */
export function filterOf(selection: EventSelection): EventFilter {
  const { keys = [], prefix = "", sessionId = 0n, actor = "" } = selection;
  const { fromAtMs = 0, untilAtMs = 0 } = selection;
  return create(EventFilterSchema, {
    keys: [...keys],
    keyPrefix: prefix,
    sessionId,
    actor,
    fromAtMs: BigInt(fromAtMs),
    untilAtMs: BigInt(untilAtMs),
  });
}

/** The fields of a page. */
export function page({ pageSize = 0, pageToken = "" }: PageOptions) {
  return { pageSize, pageToken };
}
