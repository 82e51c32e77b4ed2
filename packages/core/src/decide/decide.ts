import { ErrorReason } from "@lockstep/protocol";
import type { Now, Op, OpKind } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { decideAcquire } from "./acquire.ts";
import { decideCancelAcquire } from "./cancel-acquire.ts";
import { decideCloseSession } from "./close-session.ts";
import type { Decision, Facts } from "./decision.ts";
import { decideForceRelease } from "./force-release.ts";
import { decideKeepAlive } from "./keep-alive.ts";
import { decideOpenSession } from "./open-session.ts";
import {
  decideCheckFence,
  decideGetLock,
  decideGetSession,
  decideListLocks,
  decideListSessions,
} from "./reads.ts";
import { decideRelease } from "./release.ts";

/**
 * Decides one operation: what happens and what its caller is told. Of the state it changes only what
 * is volatile (renewals, confirmations, outcomes without an event).
 *
 * @throws Refusal when the operation is not executed.
 */
export function decide(state: NamespaceState, op: Op, now: Now, facts: Facts): Decision<OpKind> {
  switch (op.kind) {
    case "openSession":
      return decideOpenSession(state, op, now, facts);
    case "keepAlive":
      return decideKeepAlive(state, op, now, facts);
    case "closeSession":
      return decideCloseSession(state, op, now);
    case "getSession":
      return decideGetSession(state, op, now);
    case "listSessions":
      return decideListSessions(state, op, now);
    case "acquire":
      return decideAcquire(state, op, now, facts);
    case "release":
      return decideRelease(state, op, now);
    case "cancelAcquire":
      return decideCancelAcquire(state, op, now);
    case "checkFence":
      return decideCheckFence(state, op);
    case "getLock":
      return decideGetLock(state, op, now);
    case "listLocks":
      return decideListLocks(state, op, now);
    case "forceRelease":
      return decideForceRelease(state, op, now);
    default:
      throw notImplemented(op.kind);
  }
}

function notImplemented(kind: OpKind): Refusal {
  return new Refusal(
    RefusalCode.UNIMPLEMENTED,
    ErrorReason.UNIMPLEMENTED,
    `this server does not know the operation ${kind}`,
  );
}
