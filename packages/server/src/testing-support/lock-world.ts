import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  type AcquireRequest,
  AcquireRequestSchema,
  AdminService,
  type ConvertRequest,
  ConvertRequestSchema,
  DEFAULT_LIMITS,
  DeniedReason,
  type Event,
  type Granted,
  type Limits,
  type Lock,
  LockMode,
  type LockPolicySchema,
  LockService,
  type LockTargetSchema,
  type NotHeld,
  type SessionRef,
  SessionRefSchema,
  SessionService,
} from "@lockstep/protocol";
import { secretOf, startTestServer, transportTo } from "./test-server.ts";

const NAMESPACE = "default";
const LONG_MS = 3_600_000n;

/** A key held exclusively, or what is said of it. */
export type Wanted = string | MessageInitShape<typeof LockTargetSchema>;

/** What a request for a lock came to. */
export type Outcome =
  | { readonly case: "granted"; readonly granted: Granted }
  | { readonly case: "queued"; readonly ticketId: bigint; readonly position: number }
  | { readonly case: "denied"; readonly reason: string; readonly cycle: readonly bigint[] }
  | { readonly case: "notHeld"; readonly notHeld: NotHeld };

/** A server whose locks are looked at from outside, on virtual time. */
export class LockWorld {
  readonly admin: Client<typeof AdminService>;
  readonly advance: (ms: number) => Promise<unknown>;
  readonly close: () => Promise<void>;
  readonly #transport: Transport;
  #seeds = 0;

  /** Looks at a server that runs already. */
  constructor(url: string, advance: LockWorld["advance"], close: LockWorld["close"]) {
    this.advance = advance;
    this.close = close;
    this.#transport = transportTo(url);
    this.admin = createClient(AdminService, this.#transport);
  }

  /** Starts a server with a journal in memory. */
  static async start(limits: Partial<Limits> = {}): Promise<LockWorld> {
    const running = await startTestServer({ limits: { ...DEFAULT_LIMITS, ...limits } });
    return new LockWorld(
      running.server.url,
      (ms) => running.clock.advance(ms),
      () => running.close(),
    );
  }

  /** Opens a session; it lives an hour without a keep-alive unless told otherwise. */
  async actor(ttlMs: bigint = LONG_MS): Promise<Actor> {
    this.#seeds += 1;
    const secret = secretOf(this.#seeds);
    const sessions = createClient(SessionService, this.#transport);
    const { sessionId } = await sessions.openSession({ namespace: NAMESPACE, secret, ttlMs });
    const session = create(SessionRefSchema, { namespace: NAMESPACE, sessionId, secret });
    return new Actor(session, sessions, createClient(LockService, this.#transport));
  }

  /** Opens a session for each of three. */
  async people(): Promise<[Actor, Actor, Actor]> {
    return [await this.actor(), await this.actor(), await this.actor()];
  }

  async lock(key: string): Promise<Lock> {
    const locks = createClient(LockService, this.#transport);
    const { lock } = await locks.getLock({ namespace: NAMESPACE, key });
    if (lock === undefined) throw new Error(`nothing is told of ${key}`);
    return lock;
  }

  /** The bodies of all events after a revision. */
  async bodies(afterRevision = 0n): Promise<Event["body"][]> {
    const locks = createClient(LockService, this.#transport);
    const { events } = await locks.listEvents({
      ...{ namespace: NAMESPACE, afterRevision, pageSize: 1_000 },
    });
    return events.map(({ body }) => body);
  }

  async revision(): Promise<bigint> {
    const locks = createClient(LockService, this.#transport);
    const { header } = await locks.getLock({ namespace: NAMESPACE, key: "any" });
    return header?.revision ?? 0n;
  }

  /** Sets the policy of a prefix, or removes it, whatever the version. */
  async policy(keyPrefix: string, policy?: MessageInitShape<typeof LockPolicySchema>) {
    const { version } = await this.admin.getPolicy({ namespace: NAMESPACE });
    const request = { namespace: NAMESPACE, keyPrefix, expectedVersion: version, reason: "test" };
    await this.admin.setPolicy(policy === undefined ? request : { ...request, policy });
  }

  force(key: string, { token }: Granted, immediate = false) {
    const request = { namespace: NAMESPACE, key, expectedToken: token, reason: "test", immediate };
    return this.admin.forceRelease(request);
  }

  revoke({ id }: Actor) {
    return this.admin.revokeSession({ namespace: NAMESPACE, sessionId: id, reason: "test" });
  }
}

/** A session that does just what it is told. */
export class Actor {
  readonly session: SessionRef;
  readonly locks: Client<typeof LockService>;
  readonly #sessions: Client<typeof SessionService>;
  readonly #sent = new Map<bigint, AcquireRequest | ConvertRequest>();
  #lastId = 0n;

  constructor(
    session: SessionRef,
    sessions: Client<typeof SessionService>,
    locks: Client<typeof LockService>,
  ) {
    this.session = session;
    this.locks = locks;
    this.#sessions = sessions;
  }

  get id(): bigint {
    return this.session.sessionId;
  }

  /** The id of the last request. */
  get lastId(): bigint {
    return this.#lastId;
  }

  /** The parts that every request of this session has. */
  next() {
    this.#lastId += 1n;
    return { session: this.session, requestId: this.#lastId };
  }

  /** Asks for a lock without waiting for it, unless told otherwise. */
  async acquire(
    wanted: Wanted | readonly Wanted[],
    more: MessageInitShape<typeof AcquireRequestSchema> = {},
  ): Promise<Outcome> {
    const all = (Array.isArray(wanted) ? wanted : [wanted]) as readonly Wanted[];
    const targets = all.map((one) =>
      typeof one === "string" ? { key: one, mode: LockMode.EXCLUSIVE } : one,
    );
    const request = create(AcquireRequestSchema, { ...this.next(), targets, ...more } as never);
    this.#sent.set(request.requestId, request);
    return this.again(request.requestId);
  }

  /** Takes a lock that is free. */
  async take(
    wanted: Wanted | readonly Wanted[],
    more: MessageInitShape<typeof AcquireRequestSchema> = {},
  ): Promise<Granted> {
    return grantedOf(await this.acquire(wanted, more));
  }

  /** Starts to wait; gives the id of the request. */
  async wait(
    wanted: Wanted | readonly Wanted[],
    more: MessageInitShape<typeof AcquireRequestSchema> = {},
  ): Promise<bigint> {
    const outcome = await this.acquire(wanted, { waitMs: LONG_MS, ...more });
    if (outcome.case !== "queued") throw new Error(`did not wait: ${told(outcome)}`);
    return this.#lastId;
  }

  /** Repeats an Acquire or Convert with the same id and content. */
  async again(requestId: bigint): Promise<Outcome> {
    const request = this.#sent.get(requestId);
    if (request === undefined) throw new Error(`request ${requestId} was never sent`);
    const reply =
      request.$typeName === "lockstep.v1.AcquireRequest"
        ? await this.locks.acquire(request)
        : await this.locks.convert(request);
    return outcomeOf(reply.outcome);
  }

  async convert(
    { holdId, token }: Granted,
    key: string,
    mode: LockMode,
    more: MessageInitShape<typeof ConvertRequestSchema> = {},
  ): Promise<Outcome> {
    const request = create(ConvertRequestSchema, {
      ...{ ...this.next(), holdId, token, key, mode, ...more },
    } as never);
    this.#sent.set(request.requestId, request);
    return this.again(request.requestId);
  }

  async transfer({ holdId, token }: Granted, to: Actor, toRequestId: bigint): Promise<Outcome> {
    const { outcome } = await this.locks.transfer({
      ...{ ...this.next(), holdId, token, toSessionId: to.id, toRequestId },
    });
    return outcomeOf(outcome);
  }

  release({ holdId, token }: Granted) {
    return this.locks.release({ ...this.next(), holdId, token });
  }

  cancel(acquireRequestId: bigint) {
    return this.locks.cancelAcquire({ ...this.next(), acquireRequestId });
  }

  setValue({ holdId, token }: Granted, value: string) {
    return this.locks.setValue({ ...this.next(), holdId, token, value: Buffer.from(value) });
  }

  keepAlive(seenRevision = 0n) {
    return this.#sessions.keepAlive({ session: this.session, seq: 1n, seenRevision });
  }

  get() {
    return this.#sessions.getSession({ session: this.session });
  }

  /** All sessions of the namespace, ended ones too. */
  listSessions() {
    return this.#sessions.listSessions({ namespace: NAMESPACE, includeEnded: true });
  }

  close() {
    return this.#sessions.closeSession(this.next());
  }
}

/** The lock of an outcome that is one. */
export function grantedOf(outcome: Outcome): Granted {
  if (outcome.case !== "granted") throw new Error(`not granted: ${told(outcome)}`);
  return outcome.granted;
}

/** How the denial of a lock for this reason looks. */
export const denied = (reason: string) => ({ case: "denied", reason });

export const shared = (key: string) => ({ key, mode: LockMode.SHARED });
export const upgradable = (key: string) => ({ key, mode: LockMode.UPGRADABLE });
export const permits = (key: string, count: number) => ({
  ...{ key, mode: LockMode.PERMITS, permits: count },
});

function outcomeOf(outcome: { case?: string | undefined; value?: unknown }): Outcome {
  const { value } = outcome as { value: never };
  if (outcome.case === "granted") return { case: "granted", granted: value };
  if (outcome.case === "notHeld") return { case: "notHeld", notHeld: value };
  if (outcome.case === "queued") {
    const { ticketId, position } = value as { ticketId: bigint; position: number };
    return { case: "queued", ticketId, position };
  }
  const { reason, cycle } = value as { reason: DeniedReason; cycle: { sessionId: bigint }[] };
  const name = DeniedReason[reason] ?? String(reason);
  return { case: "denied", reason: name, cycle: cycle.map(({ sessionId }) => sessionId) };
}

function told(outcome: Outcome): string {
  return outcome.case === "denied" ? outcome.reason : outcome.case;
}
