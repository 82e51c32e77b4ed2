import { type Event, LockMode } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import { endTicket } from "./apply-waits.ts";
import { aheadOf, everyoneIn, inTheWay } from "./conflicts.ts";
import { allowsMode, mayBeGranted } from "./granting.ts";
import { liveHold, liveSession } from "./live.ts";
import type { HoldRecord, Ledger, TicketRecord } from "./records.ts";
import { demand } from "./violation.ts";

type Body<C extends string> = Extract<Event["body"], { case: C }>["value"];

/** A lock is granted. */
export function grant(
  ledger: Ledger,
  body: Body<"lockGranted">,
  event: Event,
  trueMs: number,
  marks: Marks,
): void {
  const { holdId, token, sessionId, requestId, ticketId, targets, owner, transferredFrom } = body;
  const { revision } = event;
  demand(token === revision, "tokens rise", () => `hold ${holdId} has token ${token}`);
  demand(!ledger.holds.has(holdId), "ids are used once", () => `hold ${holdId}`);
  const session = liveSession(ledger, sessionId, "nothing is granted to an ended session");
  const ticket = endedBy(ledger, ticketId, sessionId, requestId);
  const transferred = transferredFrom !== 0n;
  mayBeGranted(ledger, { revision, session, owner, targets, ticket, transferred });
  if (ticket !== undefined) {
    endTicket(ledger, ticket, revision);
    marks.hit("granted after a wait");
  }
  for (const mode of new Set(targets.map((target) => target.mode)))
    marks.hit(`granted ${LockMode[mode]}`);
  if (targets.length > 1) marks.hit("granted several keys");
  if (transferred) marks.hit("hold transferred");
  const hold: HoldRecord = {
    id: holdId,
    tokens: [{ token, from: revision }],
    sessionId,
    requestIds: new Set([requestId]),
    owner,
    targets,
    maxHoldMs: Number(body.terms?.maxHoldMs ?? 0n),
    grantedAtMs: Number(event.decidedAtMs),
    count: 1,
    from: revision,
    to: undefined,
    end: undefined,
  };
  if (!transferred) {
    demand(
      trueMs >= ledger.grantsFromMs,
      "a new lineage grants nothing at first",
      () => `revision ${revision} at ${trueMs} grants before ${ledger.grantsFromMs}`,
    );
    ledger.grantsPaused = false;
  }
  ledger.holds.set(holdId, hold);
  session.holds.add(hold);
  for (const { key } of targets) ledger.keyOf(key).holds.add(hold);
}

/** A hold is entered again, or released once. */
export function changeCount(ledger: Ledger, body: Body<"holdCountChanged">, marks: Marks): void {
  const hold = liveHold(ledger, body.holdId, "only a live hold is entered again");
  const entered = body.enteredRequestId !== 0n;
  demand(
    body.count >= 1 && body.count === hold.count + (entered ? 1 : -1),
    "a hold counts one by one",
    () => `hold ${hold.id} counts ${body.count} after ${hold.count}`,
  );
  hold.count = body.count;
  if (entered) hold.requestIds.add(body.enteredRequestId);
  marks.hit(entered ? "hold entered again" : "hold released once of several times");
}

/** A key of a hold changes its mode. */
export function convert(
  ledger: Ledger,
  body: Body<"holdConverted">,
  revision: bigint,
  marks: Marks,
): void {
  const hold = liveHold(ledger, body.holdId, "only a live hold is converted");
  const { target, ticketId, token } = body;
  const before = hold.targets.find(({ key }) => key === target?.key);
  demand(
    target !== undefined && before !== undefined,
    "a conversion names a key of the hold",
    () => `revision ${revision}`,
  );
  const ticket = endedBy(ledger, ticketId, hold.sessionId, body.requestId);
  const upgrade = target.mode === LockMode.EXCLUSIVE && before.mode !== LockMode.EXCLUSIVE;
  demand(
    !upgrade || before.mode === LockMode.UPGRADABLE,
    "only UPGRADABLE becomes EXCLUSIVE",
    () => `revision ${revision}`,
  );
  const current = hold.tokens.at(-1)?.token;
  demand(
    token === (upgrade ? revision : current),
    "an upgrade brings a new token, nothing else does",
    () => `revision ${revision} gives hold ${hold.id} token ${token}`,
  );
  if (upgrade) {
    const ahead = ticket === undefined ? convertsIn(ledger) : aheadOf(ledger, ticket);
    const others = inTheWay(ledger, { targets: [target], own: hold, ahead });
    demand(
      others.length === 0,
      "an upgrade waits for those beside it",
      () =>
        `revision ${revision} upgrades ${target.key} beside ${others.map((one) => (one.hold ?? one.delayed ?? one.waiter)?.id)}`,
    );
    allowsMode(ledger, target, revision);
    hold.tokens.push({ token, from: revision });
  }
  marks.hit(upgrade ? "hold upgraded" : "hold weakened");
  if (ticket !== undefined) endTicket(ledger, ticket, revision);
  hold.requestIds.add(body.requestId);
  hold.targets = hold.targets.map((one) => (one.key === target.key ? target : one));
}

/** A hold ends by its holder's wish, or against it, or is given away. */
export function endHold(
  ledger: Ledger,
  { holdId, token, sessionId }: { holdId: bigint; token: bigint; sessionId: bigint },
  revision: bigint,
  end: NonNullable<HoldRecord["end"]>,
): HoldRecord {
  const hold = liveHold(ledger, holdId, "a hold ends once");
  const own = hold.tokens.at(-1)?.token === token && hold.sessionId === sessionId;
  demand(
    own,
    "a hold ends by its own token",
    () => `revision ${revision} ends hold ${holdId} with token ${token} of session ${sessionId}`,
  );
  hold.to = revision;
  hold.end = end;
  ledger.sessions.get(sessionId)?.holds.delete(hold);
  for (const { key } of hold.targets) ledger.keyOf(key).holds.delete(hold);
  return hold;
}

function convertsIn(ledger: Ledger): (key: string) => TicketRecord[] {
  return (key) => everyoneIn(ledger)(key).filter(({ convertOf }) => convertOf !== undefined);
}

/** The ticket that a grant ends. */
function endedBy(
  ledger: Ledger,
  ticketId: bigint,
  sessionId: bigint,
  requestId: bigint,
): TicketRecord | undefined {
  if (ticketId === 0n) return undefined;
  const ticket = ledger.tickets.get(ticketId);
  const own =
    ticket?.to === undefined && ticket?.sessionId === sessionId && ticket.requestId === requestId;
  demand(own, "a grant ends its own wait", () => `ticket ${ticketId} of session ${sessionId}`);
  return ticket;
}
