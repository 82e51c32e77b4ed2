import type { Blocker, Queued } from "@lockstep/protocol";
import type { Call } from "./calls.ts";
import { asker, type InTheWay, inTheWay, newcomer } from "./conflicts.ts";
import { type Facts, must } from "./facts.ts";
import { delayEnds, keptOutcome, queueOf } from "./lookups.ts";
import type { Prediction } from "./prediction.ts";
import type { Answer } from "./send.ts";

/** How many of those who are in the way of a request are named. */
export const BLOCKERS_MAX = 16;

/** Who is in the way of a call that is about to be made; undefined for a repeat, which is told what it was. */
export function obstaclesOf(facts: Facts, call: Call): InTheWay[] | undefined {
  if (call.kind !== "acquire") return undefined;
  const session = facts.sessions.get(call.sessionId);
  if (session === undefined || keptOutcome(session, call.requestId) !== undefined) return undefined;
  return inTheWay(facts, newcomer(facts, call.targets));
}

/** Throws when what a reply tells beside its outcome is not so. `before` is who was in the way. */
export function checkHints(
  facts: Facts,
  answer: Answer,
  before: readonly InTheWay[] | undefined,
): void {
  if (answer.queued !== undefined) checkQueued(facts, answer.queued);
  else if (before !== undefined && /^denied (CONTENDED|LOCK_DELAY)/.test(answer.says))
    checkBlockers(answer.blockers ?? [], before, facts);
}

/** Throws when a ForceRelease does not tell how long the keys stay blocked. */
export function checkRemaining(
  facts: Facts,
  { remaining }: Prediction,
  { says, remainingMs }: Answer,
  nowMs: number,
): void {
  if (remainingMs === undefined) return;
  const delay = facts.delays.get(BigInt(/^forced (\d+)/.exec(says)?.[1] ?? 0));
  const { fromMs, untilMs } = (delay && delayEnds(delay)) ?? remaining ?? { fromMs: 0, untilMs: 0 };
  const shownMs = Number(remainingMs);
  must(
    shownMs >= Math.max(0, Math.ceil(fromMs - nowMs)) &&
      shownMs <= Math.max(0, Math.ceil(untilMs - nowMs)),
    `the keys are blocked for ${fromMs - nowMs} ms, not ${shownMs}`,
  );
}

function checkQueued(facts: Facts, { ticketId, position, blockers }: Queued): void {
  const ticket = facts.tickets.get(ticketId);
  if (ticket === undefined) return;
  const places = ticket.targets.map(({ key }) => queueOf(facts, key).indexOf(ticket));
  must(position === Math.max(...places), `ticket ${ticketId} stands at ${places}, not ${position}`);
  checkBlockers(blockers, inTheWay(facts, asker(facts, ticket)), facts);
}

/** All who are in the way are named, and nobody else. */
function checkBlockers(
  shown: readonly Blocker[],
  expected: readonly InTheWay[],
  facts: Facts,
): void {
  must(shown.length <= BLOCKERS_MAX, "so many blockers are not shown");
  const all = expected.map(({ kind, key, id }) =>
    kind === "waiter" ? `${key} ticket ${id}` : `${key} hold ${id}`,
  );
  const named = shown.map(({ key, holdId, ticketId }) =>
    ticketId > 0n ? `${key} ticket ${ticketId}` : `${key} hold ${holdId}`,
  );
  for (const one of named) must(all.includes(one), `${one} is not in the way: ${all}`);
  if (all.length <= BLOCKERS_MAX)
    for (const one of all) must(named.includes(one), `${one} is in the way, too: ${named}`);
  const firstWaiter = shown.findIndex(({ ticketId }) => ticketId > 0n);
  const lastHold = shown.findLastIndex(({ ticketId }) => ticketId === 0n);
  must(firstWaiter < 0 || lastHold < firstWaiter, "holders are named before waiters");
  for (const { sessionId } of shown) must(facts.sessions.has(sessionId), "blockers are known");
}
