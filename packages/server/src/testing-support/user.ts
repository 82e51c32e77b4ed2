import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  type AcquireRequestSchema,
  type AcquireResponse,
  type ConvertRequestSchema,
  type ConvertResponse,
  type Granted,
  LockMode,
  LockService,
  type LockTargetSchema,
  type ReleaseResponse,
  type SessionRef,
  SessionService,
  type SetValueResponse,
  type TransferResponse,
} from "@lockstep/protocol";
import { openSession } from "./test-server.ts";

type Target = MessageInitShape<typeof LockTargetSchema>;
type Hold = Pick<Granted, "holdId" | "token">;

/** A target for each key, EXCLUSIVE unless a mode is given. */
export function targetsOf(keys: readonly string[], mode = LockMode.EXCLUSIVE): Target[] {
  return keys.map((key) => ({ key, mode }));
}

/** Somebody with a session, who makes unary calls as a client would. */
export class User {
  readonly session: SessionRef;
  readonly locks: Client<typeof LockService>;
  readonly sessions: Client<typeof SessionService>;
  /** The request id of the last request. */
  lastRequestId = 0n;

  private constructor(transport: Transport, session: SessionRef) {
    this.session = session;
    this.locks = createClient(LockService, transport);
    this.sessions = createClient(SessionService, transport);
  }

  /** Opens a session of its own for each `seed`. */
  static async open(transport: Transport, seed: number): Promise<User> {
    return new User(transport, await openSession(transport, seed));
  }

  get id(): bigint {
    return this.session.sessionId;
  }

  /** One attempt, that is not repeated. */
  acquire(
    what: string | Target[],
    more: MessageInitShape<typeof AcquireRequestSchema> = {},
  ): Promise<AcquireResponse> {
    const targets = typeof what === "string" ? targetsOf([what]) : what;
    return this.locks.acquire({ ...this.#next(), targets, ...more });
  }

  /** Acquires what must be granted at once. */
  async take(
    what: string | Target[],
    more: MessageInitShape<typeof AcquireRequestSchema> = {},
  ): Promise<Granted> {
    const { outcome } = await this.acquire(what, more);
    if (outcome.case !== "granted") throw new Error(`not granted: ${outcome.case}`);
    return outcome.value;
  }

  convert(
    { holdId, token }: Hold,
    key: string,
    mode: LockMode,
    more: MessageInitShape<typeof ConvertRequestSchema> = {},
  ): Promise<ConvertResponse> {
    return this.locks.convert({ ...this.#next(), holdId, token, key, mode, ...more });
  }

  release({ holdId, token }: Hold): Promise<ReleaseResponse> {
    return this.locks.release({ ...this.#next(), holdId, token });
  }

  transfer({ holdId, token }: Hold, to: bigint, toRequestId: bigint): Promise<TransferResponse> {
    const recipient = { toSessionId: to, toRequestId };
    return this.locks.transfer({ ...this.#next(), holdId, token, ...recipient });
  }

  setValue({ holdId, token }: Hold, text: string): Promise<SetValueResponse> {
    const value = new TextEncoder().encode(text);
    return this.locks.setValue({ ...this.#next(), holdId, token, value });
  }

  #next() {
    this.lastRequestId += 1n;
    return { session: this.session, requestId: this.lastRequestId };
  }
}
