import type { Event } from "@lockstep/protocol";
import { invariant } from "./apply/invariant.ts";
import type { SettledWait } from "./dataset/replication-waits.ts";
import { takeSettled } from "./dataset/waits.ts";
import { decide } from "./decide/decide.ts";
import type { Decision, Facts } from "./decide/decision.ts";
import { decideDue } from "./decide/tick.ts";
import { applyLive, breakCircles, settle, take } from "./live.ts";
import type { Now, Op, OpKind, Reply } from "./op.ts";
import type { NamespaceState } from "./state/state.ts";

/** What one operation led to: its own events, then the grants they made possible. */
export interface Step<K extends OpKind = OpKind> {
  readonly events: readonly Event[];
  readonly answer: Decision<K>["answer"];
  /** Waits for replicas that have ended by it. */
  readonly settled: readonly SettledWait[];
}

/**
 * Takes one operation through: decide, apply, break the circles of waiters it has closed, and grant what
 * became free. All its events belong into one batch.
 *
 * @throws Refusal when the operation is not executed; InvariantError when the state must not be used
 *   any more.
 */
export function step<K extends OpKind>(
  state: NamespaceState,
  op: Op<K>,
  now: Now,
  facts: Facts,
): Step<K> {
  const { events, answer } = decide(state, op as Op, now, facts) as unknown as Decision<K>;
  if (events.length === 0) return { events, answer, settled: takeSettled(state) };
  for (const event of events) applyLive(state, event, now);
  breakCircles(state, now, events);
  settle(state, now, events);
  const settled = takeSettled(state);
  if (!isOver(state, op, answer)) return { events, answer, settled };
  // The wait it began has ended in this very step: what a repeat would be told is told at once.
  const final = decide(state, op as Op, now, facts).answer as Step<K>["answer"];
  return { events, answer: final, settled };
}

/** Whether an answer says `queued` of a wait that has ended. */
function isOver<K extends OpKind>(
  state: NamespaceState,
  { kind }: Op<K>,
  answer: Step<K>["answer"],
): boolean {
  if (answer.kind !== "reply" || (kind !== "acquire" && kind !== "convert")) return false;
  const { outcome } = answer.reply as Reply<"acquire" | "convert">;
  return outcome.case === "queued" && !state.tickets.has(outcome.value.ticketId);
}

/** How many events a tick makes at most before it leaves the rest to the next one. */
const TICK_EVENTS_MAX = 8_192;

/** Takes what is due through. `more` says that the tick stopped at its bound and should be repeated. */
export function tick(
  state: NamespaceState,
  now: Now,
  facts: Facts,
): { events: readonly Event[]; more: boolean; settled: readonly SettledWait[] } {
  const all: Event[] = [];
  while (all.length < TICK_EVENTS_MAX) {
    const due = state.due.take(now.monotonicMs);
    if (due === undefined) {
      settle(state, now, all);
      return { events: all, more: false, settled: takeSettled(state) };
    }
    const { events, againAtMs } = decideDue(state, due, now, facts);
    if (againAtMs !== undefined) {
      invariant(againAtMs > now.monotonicMs, () => `${due.kind} ${due.id} comes up for ever`);
      state.due.add({ ...due, atMs: againAtMs });
    }
    for (const event of events) take(state, event, now, all);
    settle(state, now, all);
  }
  return { events: all, more: true, settled: takeSettled(state) };
}
