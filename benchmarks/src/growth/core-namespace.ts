import { create } from "@bufbuild/protobuf";
import {
  epochStarted,
  NamespaceState,
  type Op,
  type OpKind,
  type SessionCaller,
  type Step,
  startEpoch,
  step,
} from "@lockstep/core";
import {
  AcquireRequestSchema,
  DEFAULT_LIMITS,
  EpochCause,
  type LockGranted,
  LockMode,
  OpenSessionRequestSchema,
  ReleaseRequestSchema,
} from "@lockstep/protocol";

const NOW = { monotonicMs: 1_000, unixMs: 1_700_000_000_000 };
// The longest a server allows.
const TTL_MS = 3_600_000n;
const WAIT_MS = 3_600_000n;
const SECRET_HASH_BYTES = 32;

/** What names a hold. */
export type Held = Pick<LockGranted, "holdId" | "token">;

/** A namespace without a server, a disk or time that passes: the core alone. */
export class CoreNamespace {
  readonly state = new NamespaceState(DEFAULT_LIMITS);
  #sessions = 0;

  constructor() {
    const first = epochStarted(1n, NOW, {
      epoch: 1n,
      cause: EpochCause.CREATED,
      serverVersion: "benchmark",
      grantPauseMs: 0n,
    });
    startEpoch(this.state, first, NOW);
  }

  openSession(): CoreSession {
    const secretSha256 = new Uint8Array(SECRET_HASH_BYTES);
    new DataView(secretSha256.buffer).setUint32(0, ++this.#sessions);
    const request = create(OpenSessionRequestSchema, { ttlMs: TTL_MS });
    const principal = "benchmark";
    const { answer } = this.run({ kind: "openSession", principal, secretSha256, request });
    if (answer.kind === "waiting") throw new Error("opening a session does not wait");
    return new CoreSession(this, { principal, sessionId: answer.reply.sessionId, secretSha256 });
  }

  run<K extends OpKind>(op: Op<K>): Step<K> {
    return step(this.state, op, NOW, { durableRevision: this.state.revision, storageLow: false });
  }
}

/** A session of it. With every request it confirms all it has been answered before its oldest waiting one. */
export class CoreSession {
  readonly #namespace: CoreNamespace;
  readonly #caller: SessionCaller;
  readonly #waiting = new Set<bigint>();
  #requestId = 0n;

  constructor(namespace: CoreNamespace, caller: SessionCaller) {
    this.#namespace = namespace;
    this.#caller = caller;
  }

  get id(): bigint {
    return this.#caller.sessionId;
  }

  /** Asks for a lock. Gives what was granted, `denied`, or nothing when it waits. */
  acquire(key: string, owner = ""): Held | "denied" | undefined {
    const targets = [{ key, mode: LockMode.EXCLUSIVE, permits: 0 }];
    const fields = { ...this.#next(), targets, owner, waitMs: WAIT_MS };
    const request = create(AcquireRequestSchema, fields);
    const caller = this.#caller;
    const op = { kind: "acquire", caller, request, answerQueued: false } as const;
    const { answer, events } = this.#namespace.run(op);
    if (answer.kind === "waiting") {
      // It closed a circle, and its wait ended in the same step.
      if (events.at(-1)?.body.case === "ticketEnded") return "denied";
      this.#waiting.add(request.requestId);
      return undefined;
    }
    const { outcome } = answer.reply;
    return outcome.case === "granted" ? outcome.value : "denied";
  }

  /** Releases a lock that this session holds. Gives what was granted to a waiter instead. */
  release({ holdId, token }: Held): LockGranted | undefined {
    const request = create(ReleaseRequestSchema, { ...this.#next(), holdId, token });
    const { events } = this.#namespace.run({ kind: "release", caller: this.#caller, request });
    const body = events.at(-1)?.body;
    return body?.case === "lockGranted" ? body.value : undefined;
  }

  /** A request that waited was granted. */
  noteGranted({ requestId }: LockGranted): void {
    this.#waiting.delete(requestId);
  }

  #next() {
    const requestId = ++this.#requestId;
    const [oldest = requestId] = this.#waiting;
    return { requestId, answered: oldest > 1n ? [{ first: 1n, last: oldest - 1n }] : [] };
  }
}
