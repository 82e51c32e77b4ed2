import type { Limit } from "./limit.ts";

/** How a session is doing; the names of the contract. */
type Life = "ACTIVE" | "EXPIRED" | "CLOSED" | "REVOKED";

/** How a key is held or wanted; the names of the contract. */
export type Mode = "EXCLUSIVE" | "SHARED" | "UPGRADABLE" | "PERMITS";

export interface Target {
  readonly key: string;
  readonly mode: Mode;
  readonly permits: number;
}

export interface Terms {
  readonly maxHoldMs: number;
  readonly onLoss: "RELEASE" | "DELAY" | "QUARANTINE";
  readonly delayMs: number;
  readonly value: string;
}

/** What became of a request. */
export interface ModelOutcome {
  /** What was asked for; "" when any Acquire or Convert with this id has the outcome. */
  readonly content: string;
  /** The final answer, or that of a wait. */
  readonly says: string;
  /** 0 unless the request waits. */
  readonly ticketId: bigint;
  /** It made an event and so survives recovery. */
  readonly lasting: boolean;
}

/** A hold that is over. */
interface OverHold {
  readonly keys: readonly string[];
  readonly tokens: readonly bigint[];
  /** "RELEASED", "TRANSFERRED" or the reason of the loss. */
  readonly how: string;
}

export interface ModelSession {
  readonly id: bigint;
  readonly secret: number;
  readonly principal: string;
  readonly ttlMs: number;
  life: Life;
  endedAtMs: number;
  renewedAtMs: number;
  /** Revisions of the losses it suffered, and of the wishes for its holds, while it lived. */
  news: bigint[];
  outcomes: Map<bigint, ModelOutcome>;
  answered: Set<bigint>;
  /** What of `answered` stands in events. */
  lastingAnswered: Set<bigint>;
  over: Map<bigint, OverHold>;
}

export interface ModelHold {
  readonly id: bigint;
  token: bigint;
  earlierTokens: bigint[];
  readonly sessionId: bigint;
  requestIds: bigint[];
  /** Requests that were answered with it without an event. */
  unwrittenIds: bigint[];
  readonly owner: string;
  targets: Target[];
  count: number;
  terms: Terms;
  /** Its longest time, when it has one. */
  maxHold: Limit | undefined;
  /** The revision of the wish that it be released, 0 before. */
  askedRevision: bigint;
}

export interface ModelTicket {
  readonly id: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly owner: string;
  readonly targets: readonly Target[];
  /** The hold that a Convert wants to change; 0 for an Acquire. */
  readonly holdId: bigint;
  readonly priority: number;
  readonly terms: Terms;
  readonly waitMs: number;
  readonly content: string;
  untilMs: number;
}

/** A lost hold whose keys stay blocked. */
export interface ModelDelay {
  readonly hold: ModelHold;
  readonly reason: string;
  readonly lossRevision: bigint;
  /** Until the client must have noticed; undefined when that need not be waited for. */
  confirm: Limit | undefined;
  /** The client said that it has seen the loss. */
  confirmed: boolean;
  /** What the hold was taken with; undefined when there is none. */
  lock: Limit | undefined;
}

export interface ModelPolicy {
  readonly maxHoldMs: number;
  readonly lockDelayMs: number;
  readonly permits: number;
  readonly maxWaiters: number;
  readonly maxWaitMs: number;
}

export interface ModelSettings {
  readonly ascending: boolean;
  readonly afterLosses: number;
  readonly windowMs: number;
}

/** Why a key or a principal is quarantined. */
interface ModelQuarantine {
  readonly revision: bigint;
  readonly automatic: boolean;
}

/** A session that ended against the wish of its client. */
interface LostSession {
  readonly principal: string;
  readonly atMs: number;
  /** How long ago it was is not known any more. */
  stale: boolean;
}

/** Everything the model knows: plain data, so that it can be put aside and taken up again. */
export interface Facts {
  sessions: Map<bigint, ModelSession>;
  holds: Map<bigint, ModelHold>;
  /** In order of arrival. */
  tickets: Map<bigint, ModelTicket>;
  delays: Map<bigint, ModelDelay>;
  quarantinedKeys: Map<string, ModelQuarantine>;
  quarantined: Map<string, ModelQuarantine>;
  policies: Map<string, ModelPolicy>;
  policyVersion: bigint;
  settings: ModelSettings;
  settingsVersion: bigint;
  lostSessions: LostSession[];
  highestToken: bigint;
  /** Nothing is granted while it runs; undefined once it is over. */
  pause: Limit | undefined;
  /** A tick has found it over, and granted whoever waited. */
  pauseIsOver: boolean;
  /** When served time was last written, in this epoch. */
  writtenAtMs: number;
  /** What was last written. */
  servedMs: number;
  /** What was served before this epoch, as far as written, and when the epoch began. */
  servedBeforeMs: number;
  epochAtMs: number;
}

export function noFacts(): Facts {
  return {
    sessions: new Map(),
    holds: new Map(),
    tickets: new Map(),
    delays: new Map(),
    quarantinedKeys: new Map(),
    quarantined: new Map(),
    policies: new Map(),
    policyVersion: 0n,
    settings: { ascending: false, afterLosses: 0, windowMs: 0 },
    settingsVersion: 0n,
    lostSessions: [],
    highestToken: 0n,
    pause: undefined,
    pauseIsOver: true,
    writtenAtMs: 0,
    servedMs: 0,
    servedBeforeMs: 0,
    epochAtMs: 0,
  };
}

/** Throws when a rule of the contract is broken. */
export function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`broken: ${rule}`);
}
