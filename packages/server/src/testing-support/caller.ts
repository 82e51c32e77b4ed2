import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  type AcquireResponse,
  AdminService,
  type Granted,
  LockService,
  type ReleaseOutcome,
  type SessionRef,
  SessionService,
} from "@lockstep/protocol";
import { acquireOf, openSession, transportTo } from "./test-server.ts";

/** A client of a test server that does just what it is told, with a session of its own. */
export interface Caller {
  readonly session: SessionRef;
  readonly sessions: Client<typeof SessionService>;
  readonly locks: Client<typeof LockService>;
  readonly admin: Client<typeof AdminService>;
  /** Asks for an exclusive lock, with the next request id unless it is given another. */
  acquire(key: string, more?: object): Promise<AcquireResponse>;
  /** Takes a lock that is free. */
  take(key: string): Promise<Granted>;
  release(granted: Granted): Promise<ReleaseOutcome>;
}

/** Opens a session with a secret that differs by `seed`. */
export async function newCaller(url: string, seed: number): Promise<Caller> {
  return callerOver(transportTo(url), seed);
}

async function callerOver(transport: Transport, seed: number): Promise<Caller> {
  const session = await openSession(transport, seed);
  const locks = createClient(LockService, transport);
  let lastId = 0n;
  const nextId = () => {
    lastId += 1n;
    return lastId;
  };
  const acquire = (key: string, more: object = {}) =>
    locks.acquire({ ...acquireOf(key, nextId()), session, ...more });
  return {
    session,
    sessions: createClient(SessionService, transport),
    locks,
    admin: createClient(AdminService, transport),
    acquire,
    async take(key) {
      const { outcome } = await acquire(key);
      if (outcome.case !== "granted") throw new Error(`${key} was not granted: ${outcome.case}`);
      return outcome.value;
    },
    async release({ holdId, token }) {
      const { outcome } = await locks.release({ session, requestId: nextId(), holdId, token });
      return outcome;
    },
  };
}
