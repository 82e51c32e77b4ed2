import { decideDataset } from "../dataset/decide.ts";
import type { Now, Op, OpKind } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import { decideAcquire } from "./acquire.ts";
import { decideCancelAcquire } from "./cancel-acquire.ts";
import { decideCloseSession } from "./close-session.ts";
import { decideConvert } from "./convert.ts";
import type { Decision, Facts } from "./decision.ts";
import { decideForceRelease } from "./force-release.ts";
import { decideKeepAlive } from "./keep-alive.ts";
import { decideGetNamespace, decideUpdateNamespace } from "./namespace-settings.ts";
import { decideOpenSession } from "./open-session.ts";
import { decideGetPolicy, decideSetPolicy } from "./policy.ts";
import {
  decideClearQuarantine,
  decideListQuarantines,
  decideQuarantineIdentity,
} from "./quarantine.ts";
import {
  decideCheckFence,
  decideGetLock,
  decideGetSession,
  decideListLocks,
  decideListSessions,
} from "./reads.ts";
import { decideRelease } from "./release.ts";
import { decideRequestRelease } from "./request-release.ts";
import { decideRevokeSession } from "./revoke-session.ts";
import { decideSetValue } from "./set-value.ts";
import { decideTransfer } from "./transfer.ts";
import { decideGetWaitGraph } from "./wait-graph.ts";

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
    case "convert":
      return decideConvert(state, op, now);
    case "transfer":
      return decideTransfer(state, op, now);
    case "setValue":
      return decideSetValue(state, op, now, facts);
    case "requestRelease":
      return decideRequestRelease(state, op, now);
    case "revokeSession":
      return decideRevokeSession(state, op, now);
    case "clearQuarantine":
      return decideClearQuarantine(state, op, now);
    case "quarantineIdentity":
      return decideQuarantineIdentity(state, op, now);
    case "listQuarantines":
      return decideListQuarantines(state, op, now);
    case "setPolicy":
      return decideSetPolicy(state, op, now);
    case "getPolicy":
      return decideGetPolicy(state, op);
    case "updateNamespace":
      return decideUpdateNamespace(state, op, now);
    case "getNamespace":
      return decideGetNamespace(state);
    case "getWaitGraph":
      return decideGetWaitGraph(state, op);
    default:
      return decideDataset(state, op, now, facts);
  }
}
