import {
  DelayEndCause,
  EpochCause,
  type Event,
  type LockTarget,
  LossReason,
  SessionState,
  TicketEnd,
} from "@lockstep/protocol";
import { printable } from "./printable.ts";
import { durationText, timeText } from "./time.ts";

const KIND_WIDTH = 17;
const REVISION_WIDTH = 6;

/** An event as one line for people. */
export function eventLine(event: Event): string {
  const { kind, facts } = described(event);
  const about = Object.entries({
    ...facts,
    by: event.actor,
    correlation: event.correlationId,
    because: event.reason,
  })
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${quoted(value)}`);
  const revision = String(event.revision).padStart(REVISION_WIDTH);
  return [revision, timeText(event.decidedAtMs), kind.padEnd(KIND_WIDTH), ...about]
    .join(" ")
    .trimEnd();
}

interface Description {
  readonly kind: string;
  /** By name; what is empty is left out. */
  readonly facts: Readonly<Record<string, string>>;
}

function described({ body }: Event): Description {
  switch (body.case) {
    case "epochStarted":
    case "sessionOpened":
    case "sessionEnded":
    case "sessionForgotten":
      return describedSession(body);
    case "lockQueued":
    case "lockGranted":
    case "ticketEnded":
    case "acquireRefused":
      return describedAcquire(body);
    case "lockReleased":
    case "lockLost":
    case "delayProgressed":
    case "delayEnded":
      return describedEnd(body);
    default:
      return { kind: "unknown event", facts: {} };
  }
}

type Body<Case extends Event["body"]["case"]> = Extract<Event["body"], { case: Case }>;

function describedSession(
  body: Body<"epochStarted" | "sessionOpened" | "sessionEnded" | "sessionForgotten">,
): Description {
  switch (body.case) {
    case "epochStarted": {
      const { epoch, cause, serverVersion, grantPauseMs } = body.value;
      const pause = grantPauseMs > 0n ? durationText(grantPauseMs) : "";
      const facts = { epoch: String(epoch), cause: nameIn(EpochCause, cause) };
      return { kind: "epoch started", facts: { ...facts, version: serverVersion, pause } };
    }
    case "sessionOpened": {
      const { sessionId, ttlMs, displayName } = body.value;
      const facts = { session: String(sessionId), ttl: durationText(ttlMs), name: displayName };
      return { kind: "session opened", facts };
    }
    case "sessionEnded": {
      const { sessionId, state } = body.value;
      const facts = { session: String(sessionId), state: nameIn(SessionState, state) };
      return { kind: "session ended", facts };
    }
    case "sessionForgotten":
      return { kind: "session forgotten", facts: { session: String(body.value.sessionId) } };
  }
}

function describedAcquire(
  body: Body<"lockQueued" | "lockGranted" | "ticketEnded" | "acquireRefused">,
): Description {
  switch (body.case) {
    case "lockQueued": {
      const { targets, ticketId, sessionId, owner, waitMs } = body.value;
      const facts = { ticket: String(ticketId), session: String(sessionId), owner };
      const wait = durationText(waitMs);
      return { kind: "lock queued", facts: { key: keysText(targets), ...facts, wait } };
    }
    case "lockGranted": {
      const { targets, token, sessionId, owner, ticketId } = body.value;
      const facts = { token: String(token), session: String(sessionId), owner };
      const ticket = ticketId > 0n ? String(ticketId) : "";
      return { kind: "lock granted", facts: { key: keysText(targets), ...facts, ticket } };
    }
    case "ticketEnded": {
      const { targets, ticketId, sessionId, end } = body.value;
      const facts = { ticket: String(ticketId), session: String(sessionId) };
      const ended = nameIn(TicketEnd, end);
      return { kind: "ticket ended", facts: { key: keysText(targets), ...facts, end: ended } };
    }
    case "acquireRefused": {
      const { sessionId, acquireRequestId } = body.value;
      const facts = { session: String(sessionId), request: String(acquireRequestId) };
      return { kind: "acquire refused", facts };
    }
  }
}

function describedEnd(
  body: Body<"lockReleased" | "lockLost" | "delayProgressed" | "delayEnded">,
): Description {
  switch (body.case) {
    case "lockReleased": {
      const { targets, token, sessionId } = body.value;
      const facts = { token: String(token), session: String(sessionId) };
      return { kind: "lock released", facts: { key: keysText(targets), ...facts } };
    }
    case "lockLost": {
      const { targets, token, sessionId, reason, delayed } = body.value;
      const facts = { token: String(token), session: String(sessionId) };
      const loss = { reason: nameIn(LossReason, reason), delayed: delayed ? "yes" : "" };
      return { kind: "lock lost", facts: { key: keysText(targets), ...facts, ...loss } };
    }
    case "delayProgressed": {
      const { holdId, consumedMs } = body.value;
      const facts = { hold: String(holdId), consumed: durationText(consumedMs) };
      return { kind: "delay progressed", facts };
    }
    case "delayEnded": {
      const { targets, holdId, cause } = body.value;
      const facts = { hold: String(holdId), cause: nameIn(DelayEndCause, cause) };
      return { kind: "delay ended", facts: { key: keysText(targets), ...facts } };
    }
  }
}

function keysText(targets: readonly LockTarget[]): string {
  return targets.map(({ key }) => key).join(",");
}

function nameIn(names: Readonly<Record<number, string>>, value: number): string {
  return names[value] ?? `unknown (${value})`;
}

function quoted(value: string): string {
  const safe = printable(value);
  return /[\s="]/.test(safe) ? `"${safe.replaceAll('"', '\\"')}"` : safe;
}
