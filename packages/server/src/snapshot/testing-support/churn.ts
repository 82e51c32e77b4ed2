import { create } from "@bufbuild/protobuf";
import type { Op, SessionCaller } from "@lockstep/core";
import {
  CloseSessionRequestSchema,
  ForceReleaseRequestSchema,
  OpenSessionRequestSchema,
} from "@lockstep/protocol";
import type { Executor } from "../../executor/executor.ts";
import { acquireOp, releaseOp } from "../../executor/testing-support/world.ts";

/** Sessions that come and go, take locks and give them back, while others hold, wait and lose. */
export class Churn {
  readonly #executor: Executor;
  readonly #keepers: SessionCaller[] = [];
  readonly #salt: number;
  #secrets = 0;

  /** @param salt another one than that of those before it on the same data */
  constructor(executor: Executor, salt = 0) {
    this.#executor = executor;
    this.#salt = salt;
  }

  /** Holds, tickets, delays and outcomes that stay: what must never get lost. */
  async begin(keepers: number): Promise<void> {
    for (let at = 0; at < keepers; at += 1) this.#keepers.push(await this.#open());
    for (const [at, keeper] of this.#keepers.entries()) {
      await this.#executor.submit(acquireOp(keeper, 1n, `held/${at}`)).reply;
      const next = this.#keepers[(at + 1) % keepers] as SessionCaller;
      const waits = acquireOp(next, 2n, `held/${at}`, 3_600_000n);
      this.#executor.submit({ ...waits, answerQueued: true }).reply.catch(ended);
      const { outcome } = await this.#executor.submit(acquireOp(keeper, 3n, `lost/${at}`)).reply;
      const token = outcome.case === "granted" ? outcome.value.token : 0n;
      await this.#forceRelease(`lost/${at}`, token);
    }
  }

  /** So many sessions open, lock, release and close, all at once. */
  async round(sessions: number, locks: number): Promise<void> {
    const callers = await Promise.all(Array.from({ length: sessions }, () => this.#open()));
    await Promise.all(callers.map((caller) => this.#lockAndRelease(caller, locks)));
    await Promise.all(callers.map((caller) => this.#executor.submit(closeOp(caller)).reply));
  }

  async #lockAndRelease(caller: SessionCaller, locks: number): Promise<void> {
    const granted = Array.from({ length: locks }, (_, at) => {
      const key = `churn/${caller.sessionId}/${at}`;
      return this.#executor.submit(acquireOp(caller, BigInt(at + 1), key)).reply;
    });
    const holds = (await Promise.all(granted)).flatMap(({ outcome }) =>
      outcome.case === "granted" ? [outcome.value.holdId] : [],
    );
    const released = holds.map((holdId, at) => {
      const requestId = BigInt(locks + at + 1);
      return this.#executor.submit(releaseOp(caller, requestId, holdId)).reply;
    });
    await Promise.all(released);
  }

  async #open(): Promise<SessionCaller> {
    this.#secrets += 1;
    const secretSha256 = new Uint8Array(32);
    const secret = new DataView(secretSha256.buffer);
    secret.setUint32(0, this.#secrets);
    secret.setUint32(4, this.#salt);
    const request = create(OpenSessionRequestSchema, { namespace: "default", ttlMs: 3_600_000n });
    const op: Op<"openSession"> = { kind: "openSession", principal: "p", secretSha256, request };
    const { sessionId } = await this.#executor.submit(op).reply;
    return { principal: "p", sessionId, secretSha256 };
  }

  async #forceRelease(key: string, token: bigint): Promise<void> {
    const request = create(ForceReleaseRequestSchema, {
      namespace: "default",
      key,
      expectedToken: token,
    });
    await this.#executor.submit({ kind: "forceRelease", principal: "operator", request }).reply;
  }
}

function closeOp(caller: SessionCaller): Op<"closeSession"> {
  return { kind: "closeSession", caller, request: create(CloseSessionRequestSchema) };
}

function ended(): void {
  // A waiter whose server stops is answered by the next one.
}
