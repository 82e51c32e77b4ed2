import {
  CancelOutcome,
  DeniedReason,
  FenceStatus,
  LossReason,
  ReleaseOutcome,
  SessionState,
} from "@lockstep/protocol";
import { Client, checkFence, forceRelease, openReply, secretOf } from "../client.ts";
import type { World } from "../world.ts";
import type { Call } from "./calls.ts";

/** Sends a call to the core. Returns what it answers, in the words of the model. */
export function send(world: World, call: Call, revisionBefore: bigint): string {
  const named = (id: bigint) => (id > revisionBefore ? "new" : String(id));
  if (call.kind === "open") {
    const { sessionId } = openReply(world, { secret: call.secret, ttlMs: call.ttlMs });
    return `session ${named(sessionId)}`;
  }
  if (call.kind === "forceRelease") {
    const { holdId, delayRemainingMs } = forceRelease(world, call.key, call.token);
    return `forced ${holdId} ${delayRemainingMs}`;
  }
  if (call.kind === "checkFence")
    return `fence ${FenceStatus[checkFence(world, call.key, call.token)]}`;
  const secretSha256 = world.state.sessions.get(call.sessionId)?.secretSha256 ?? secretOf(0);
  const client = new Client(world, { principal: "peer", sessionId: call.sessionId, secretSha256 });
  switch (call.kind) {
    case "keepAlive":
      return `alive ${client.keepAlive(call.seen, call.answered).sessionRevision}`;
    case "acquire": {
      const acquired = client.acquire(call.key, call);
      if (acquired.case === "granted") return `granted ${named(acquired.holdId)}`;
      if (acquired.case === "denied") return `denied ${DeniedReason[acquired.reason]}`;
      return `${acquired.case} ${named(acquired.ticketId)}`;
    }
    case "release": {
      const { outcome, lostReason } = client.release(call, call);
      const reason = lostReason === LossReason.UNSPECIFIED ? "" : ` ${LossReason[lostReason]}`;
      return `release ${ReleaseOutcome[outcome]}${reason}`;
    }
    case "cancel": {
      const { outcome, granted } = client.cancel(call.acquireRequestId, call);
      return `cancel ${CancelOutcome[outcome]}${granted === undefined ? "" : ` ${granted.holdId}`}`;
    }
    case "close":
      return `closed ${SessionState[client.close(call).state]}`;
  }
}
