import { EpochCause, type Event, LockOrdering, SessionState } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import { CLOCK_RATE_MAX } from "../time/process-clock.ts";
import { liveSession } from "./live.ts";
import type { Ledger } from "./records.ts";
import { demand } from "./violation.ts";

type Body<C extends string> = Extract<Event["body"], { case: C }>["value"];

/** A session is opened. */
export function open(ledger: Ledger, body: Body<"sessionOpened">, event: Event): void {
  const { sessionId, ttlMs, displayName } = body;
  demand(sessionId === event.revision, "ids are revisions", () => `session ${sessionId}`);
  ledger.sessions.set(sessionId, {
    id: sessionId,
    ttlMs: Number(ttlMs),
    displayName,
    principal: event.actor,
    from: event.revision,
    to: undefined,
    state: SessionState.ACTIVE,
    holds: new Set(),
    tickets: new Set(),
  });
}

/** A session ends. */
export function end(
  ledger: Ledger,
  body: Body<"sessionEnded">,
  revision: bigint,
  marks: Marks,
): void {
  const session = liveSession(ledger, body.sessionId, "a session ends once");
  session.state = body.state;
  session.to = revision;
  marks.hit(`session ended: ${SessionState[body.state]}`);
}

/** A writer starts. */
export function startEpoch(
  ledger: Ledger,
  body: Body<"epochStarted">,
  trueMs: number,
  marks: Marks,
): void {
  if (body.cause === EpochCause.NEW_LINEAGE) marks.hit("new lineage");
  if (body.grantPauseMs > 0n) {
    ledger.grantsPaused = true;
    ledger.grantsFromMs = trueMs + Number(body.grantPauseMs) / CLOCK_RATE_MAX;
  }
  if (body.cause === EpochCause.CREATED) return;
  const live = ({ to }: { to: bigint | undefined }) => to === undefined;
  if ([...ledger.holds.values()].some(live)) marks.hit("recovered with holds");
  if ([...ledger.tickets.values()].some(live)) marks.hit("recovered with waiters");
  if ([...ledger.delays.values()].some(live)) marks.hit("recovered with a delay");
}

/** An operator changes the settings of the namespace. */
export function configure(ledger: Ledger, body: Body<"namespaceConfigured">, marks: Marks): void {
  ledger.ascending = body.settings?.ordering === LockOrdering.ASCENDING;
  marks.hit("namespace configured");
}

/** An operator sets or removes a policy. */
export function changePolicy(ledger: Ledger, body: Body<"policyChanged">, marks: Marks): void {
  const { keyPrefix, policy } = body;
  if (policy === undefined) ledger.policies.delete(keyPrefix);
  else ledger.policies.set(keyPrefix, policy);
  marks.hit("policy changed");
}

/** An operator lets a key be used again. */
export function clearKey(
  ledger: Ledger,
  { key }: Body<"keyQuarantineCleared">,
  marks: Marks,
): void {
  const record = ledger.keyOf(key);
  demand(record.quarantine !== undefined, "only a quarantined key is cleared", () => key);
  record.quarantine = undefined;
  marks.hit("key quarantine cleared");
}

/** A principal is denied every lock. */
export function quarantine(ledger: Ledger, body: Body<"identityQuarantined">, marks: Marks): void {
  ledger.quarantined.add(body.principal);
  marks.hit(body.automatic ? "identity quarantined by itself" : "identity quarantined");
}
