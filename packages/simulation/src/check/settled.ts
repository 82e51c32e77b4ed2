import { SessionState } from "@lockstep/protocol";
import { noCircleIsLeft } from "./circles.ts";
import { aheadOf, inTheWay } from "./conflicts.ts";
import { allowsMode } from "./granting.ts";
import type { Ledger, TicketRecord } from "./records.ts";
import { demand } from "./violation.ts";

/** What holds after every batch, for the keys it was about. */
export function isSettled(ledger: Ledger, keys: ReadonlySet<string>, revision: bigint): void {
  for (const key of keys) {
    const { holds, queue } = ledger.keyOf(key);
    for (const { id, sessionId } of [...holds, ...queue]) {
      const { state } = ledger.sessions.get(sessionId) ?? {};
      demand(
        state === SessionState.ACTIVE,
        "an ended session leaves nothing behind",
        () => `${id} of session ${sessionId} on ${key} after revision ${revision}`,
      );
    }
    for (const ticket of queue) mayWait(ledger, ticket, revision);
  }
  noCircleIsLeft(ledger);
}

/** Nobody waits who could be granted, nor who must have been denied. */
function mayWait(ledger: Ledger, ticket: TicketRecord, revision: bigint): void {
  const { targets, convertOf, sessionId } = ticket;
  const others = inTheWay(ledger, { targets, own: convertOf, ahead: aheadOf(ledger, ticket) });
  demand(
    others.length > 0 || ledger.grantsPaused,
    "what is free is granted at once",
    () => `ticket ${ticket.id} waits after revision ${revision}, and nothing is in its way`,
  );
  const principal = ledger.sessions.get(sessionId)?.principal ?? "";
  if (convertOf !== undefined) return;
  demand(
    !ledger.quarantined.has(principal),
    "a quarantined identity does not wait",
    () => `ticket ${ticket.id}`,
  );
  for (const target of targets) {
    allowsMode(ledger, target, revision);
    demand(
      ledger.keyOf(target.key).quarantine === undefined,
      "nobody waits for a quarantined key",
      () => `ticket ${ticket.id} waits for ${target.key} after revision ${revision}`,
    );
  }
}
