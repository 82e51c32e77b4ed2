/** How a session is doing; the names of the contract. */
type Life = "ACTIVE" | "EXPIRED" | "CLOSED";

/** What became of a request. */
export interface ModelOutcome {
  /** What was asked for; "" when any Acquire with this id has the outcome. */
  readonly content: string;
  /** The final answer, or that of a wait. */
  readonly says: string;
  /** 0 unless the request waits. */
  readonly ticketId: bigint;
  /** Set when it is a grant. */
  readonly holdId?: bigint;
  /** It made an event and so survives recovery. */
  readonly lasting: boolean;
}

export interface ModelSession {
  readonly id: bigint;
  readonly secret: number;
  readonly ttlMs: number;
  life: Life;
  endedAtMs: number;
  renewedAtMs: number;
  /** Revisions of the losses it suffered while it lived. */
  losses: bigint[];
  outcomes: Map<bigint, ModelOutcome>;
  answered: Set<bigint>;
  /** Holds that are over: "RELEASED" or the reason of the loss. */
  over: Map<bigint, { readonly key: string; readonly how: string }>;
}

export interface ModelHold {
  /** Its token too. */
  readonly id: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly owner: string;
  readonly key: string;
}

export interface ModelTicket {
  readonly id: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly owner: string;
  readonly key: string;
  readonly waitMs: number;
  readonly content: string;
  untilMs: number;
}

export interface ModelDelay {
  readonly hold: ModelHold;
  readonly lossRevision: bigint;
  readonly ttlMs: number;
  /** The last keep-alive, Open or start of an epoch that told nothing of the loss. */
  sinceMs: number;
  usedBeforeMs: number;
  writtenMs: number;
}

/** Everything the model knows: plain data, so that it can be put aside and taken up again. */
export interface Facts {
  sessions: Map<bigint, ModelSession>;
  holds: Map<bigint, ModelHold>;
  /** In order of arrival. */
  tickets: Map<bigint, ModelTicket>;
  delays: Map<bigint, ModelDelay>;
  highestToken: bigint;
  pauseMs: number;
  pausedUntilMs: number;
}

export function noFacts(): Facts {
  return {
    sessions: new Map(),
    holds: new Map(),
    tickets: new Map(),
    delays: new Map(),
    highestToken: 0n,
    pauseMs: 0,
    pausedUntilMs: 0,
  };
}

export function holderOf(facts: Facts, key: string): ModelHold | undefined {
  return [...facts.holds.values()].find((hold) => hold.key === key);
}

export function delaysOf(facts: Facts, key: string): ModelDelay[] {
  return [...facts.delays.values()].filter(({ hold }) => hold.key === key);
}

export function queueOf(facts: Facts, key: string): ModelTicket[] {
  return [...facts.tickets.values()].filter((ticket) => ticket.key === key);
}

export function endOf(delay: ModelDelay): number {
  return delay.sinceMs + delay.ttlMs - delay.usedBeforeMs;
}

/** The outcome of a request as far as it is still kept. */
export function keptOutcome(session: ModelSession, requestId: bigint): ModelOutcome | undefined {
  const outcome = session.outcomes.get(requestId);
  if (outcome === undefined || outcome.ticketId !== 0n) return outcome;
  return session.answered.has(requestId) ? undefined : outcome;
}

/** How many final outcomes are kept. */
export function unanswered(session: ModelSession): number {
  return [...session.outcomes.keys()].filter((id) => keptOutcome(session, id)?.ticketId === 0n)
    .length;
}
