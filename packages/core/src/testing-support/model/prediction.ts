import type { ModelSession } from "./facts.ts";
import type { Ends } from "./limit.ts";
import { keptOutcome, unanswered } from "./lookups.ts";

/** What a call must answer and which events it must make, those apart that follow for other requests. */
export interface Prediction {
  readonly says: string;
  readonly events: readonly string[];
  /** Events that the contract allows and does not ask for. */
  readonly optional?: readonly string[];
  /** Takes down what this answer changes without an event. */
  readonly note?: () => void;
  /** When what is told to be left must be over. */
  readonly remaining?: Ends;
}

export const MODEL_LIMITS = { max_unanswered: 10, max_waiters_per_key: 4 } as const;

/** What the model sees of the moment beside its facts. */
export interface Moment {
  readonly nowMs: number;
  readonly durableRevision: bigint;
  /** The revision before the call. */
  readonly revision: bigint;
}

export const refuse = (reason: string): Prediction => ({ says: `refused ${reason}`, events: [] });
export const say = (says: string, ...events: string[]): Prediction => ({ says, events });

/** A request of a session, as far as its outcome goes. */
interface Asked {
  readonly requestId: bigint;
  readonly content: string;
}

/** Answers, and keeps the answer for a repeat, as there is no event that would. */
export function answerAndKeep(session: ModelSession, asked: Asked, says: string): Prediction {
  const note = () => {
    if (session.life === "ACTIVE" && unanswered(session) < 2 * MODEL_LIMITS.max_unanswered)
      keep(session, asked, says);
  };
  return { ...say(says), note };
}

/** Takes down what an event made of a request. */
export function lasting(session: ModelSession, { requestId, content }: Asked, says: string): void {
  session.outcomes.set(requestId, { content, says, ticketId: 0n, lasting: true });
}

/** No room for one more outcome. */
export function isFull(session: ModelSession): boolean {
  return unanswered(session) >= MODEL_LIMITS.max_unanswered;
}

/** What a repeat must be answered; undefined when the request is new. */
export function repeated(
  session: ModelSession,
  { requestId, content }: Asked,
  waits: boolean,
): Prediction | undefined {
  const earlier = keptOutcome(session, requestId);
  if (earlier !== undefined) {
    const refusedBefore = earlier.content === "" && waits;
    if (!refusedBefore && earlier.content !== content) return refuse("REQUEST_ID_REUSED");
    return say(earlier.ticketId === 0n ? earlier.says : `waiting ${earlier.ticketId}`);
  }
  return session.answered.has(requestId) ? refuse("REQUEST_ID_ANSWERED") : undefined;
}

function keep(session: ModelSession, { requestId, content }: Asked, says: string): void {
  session.outcomes.set(requestId, { content, says, ticketId: 0n, lasting: false });
}
