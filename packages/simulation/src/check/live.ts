import { SessionState } from "@lockstep/protocol";
import type { HoldRecord, Ledger, SessionRecord } from "./records.ts";
import { demand } from "./violation.ts";

/** A session that lives. @throws Violation of `rule` when it does not */
export function liveSession(ledger: Ledger, sessionId: bigint, rule: string): SessionRecord {
  const session = ledger.sessions.get(sessionId);
  demand(session?.state === SessionState.ACTIVE, rule, () => `session ${sessionId}`);
  return session as SessionRecord;
}

/** A hold that is held. @throws Violation of `rule` when it is not */
export function liveHold(ledger: Ledger, holdId: bigint, rule: string): HoldRecord {
  const hold = ledger.holds.get(holdId);
  demand(hold !== undefined && hold.to === undefined, rule, () => `hold ${holdId}`);
  return hold;
}
