import { type Event, type LockTarget, SessionState } from "@lockstep/protocol";

/** A grant as the history tells it. */
export interface HistoryGrant {
  readonly key: string;
  readonly token: bigint;
  readonly holdId: bigint;
  /** Display name of the session that was granted. */
  readonly client: string;
}

/** A session that expired. */
export interface Expiry {
  readonly client: string;
  readonly sessionId: bigint;
  /** When it was decided, unix milliseconds of the server. */
  readonly decidedAtMs: number;
}

type Body<Name extends Event["body"]["case"]> =
  Extract<Event["body"], { case: Name }> extends {
    value: infer Value;
  }
    ? Value
    : never;

interface KeyHistory {
  holder: bigint | undefined;
  delayed: Set<bigint>;
  /** Tickets that wait, in order of arrival. */
  queue: bigint[];
  lastToken: bigint;
}

/**
 * A history of exclusive locks, read with nothing but the protocol's own rules in mind: it shares no code with the
 * server, so that a mistake of the server cannot hide in it.
 */
export class LockHistory {
  readonly grants = new Map<bigint, HistoryGrant>();
  /** Tokens of holds that were given back. */
  readonly released = new Set<bigint>();
  /** Tokens of holds that ended against their holder's wish. */
  readonly lost = new Set<bigint>();
  readonly expiries: Expiry[] = [];
  readonly epochs: bigint[] = [];
  /** What broke a rule, in words. */
  readonly violations: string[] = [];
  readonly #clients = new Map<bigint, string>();
  readonly #ended = new Set<bigint>();
  readonly #keys = new Map<string, KeyHistory>();
  readonly #holds = new Map<bigint, { key: string; token: bigint; sessionId: bigint }>();
  #revision = 0n;

  /** @param events the whole history, from its first event */
  constructor(events: Iterable<Event>) {
    for (const event of events) this.#take(event);
  }

  /** Sessions that have been opened and not ended, by display name. */
  get openSessions(): string[] {
    const open = [...this.#clients].filter(([sessionId]) => !this.#ended.has(sessionId));
    return open.map(([, name]) => name);
  }

  /** Whether at the end somebody holds a lock or waits for one. */
  get isQuiet(): boolean {
    return [...this.#keys.values()].every(
      ({ holder, queue }) => holder === undefined && queue.length === 0,
    );
  }

  #take({ revision, decidedAtMs, body }: Event): void {
    this.#rule(revision === this.#revision + 1n, `revision ${revision} follows ${this.#revision}`);
    this.#revision = revision;
    if (body.case === "epochStarted") this.#epochStarted(body.value);
    else if (body.case === "sessionOpened") this.#sessionOpened(body.value, revision);
    else if (body.case === "sessionEnded") this.#sessionEnded(body.value, Number(decidedAtMs));
    else if (body.case === "lockQueued") this.#queued(body.value, revision);
    else if (body.case === "ticketEnded") this.#ticketEnded(body.value);
    else if (body.case === "lockGranted") this.#granted(body.value, revision);
    else if (body.case === "lockReleased") this.#holdEnded(body.value, this.released, false);
    else if (body.case === "lockLost") this.#holdEnded(body.value, this.lost, body.value.delayed);
    else if (body.case === "delayEnded") this.#delayEnded(body.value);
  }

  #epochStarted({ epoch }: Body<"epochStarted">): void {
    const last = this.epochs.at(-1) ?? 0n;
    this.#rule(epoch === last + 1n, `epoch ${epoch} follows ${last}`);
    this.epochs.push(epoch);
  }

  #sessionOpened({ sessionId, displayName }: Body<"sessionOpened">, revision: bigint): void {
    this.#rule(sessionId === revision, `session ${sessionId} was opened at revision ${revision}`);
    this.#clients.set(sessionId, displayName);
  }

  #sessionEnded({ sessionId, state }: Body<"sessionEnded">, decidedAtMs: number): void {
    this.#rule(this.#lives(sessionId), `session ${sessionId} ended without living`);
    this.#ended.add(sessionId);
    if (state !== SessionState.EXPIRED) return;
    this.expiries.push({ client: this.#clients.get(sessionId) ?? "", sessionId, decidedAtMs });
  }

  #queued({ ticketId, sessionId, targets }: Body<"lockQueued">, revision: bigint): void {
    const key = keyOf(targets);
    this.#rule(ticketId === revision, `ticket ${ticketId} was queued at revision ${revision}`);
    this.#rule(this.#lives(sessionId), `ticket ${ticketId} is of a session that does not live`);
    this.#key(key).queue.push(ticketId);
  }

  #ticketEnded({ ticketId, targets }: Body<"ticketEnded">): void {
    const { queue } = this.#key(keyOf(targets));
    this.#rule(queue.includes(ticketId), `ticket ${ticketId} ended without waiting`);
    this.#key(keyOf(targets)).queue = queue.filter((other) => other !== ticketId);
  }

  #granted(grant: Body<"lockGranted">, revision: bigint): void {
    const { holdId, token, sessionId, ticketId } = grant;
    const key = keyOf(grant.targets);
    const history = this.#key(key);
    const { holder, queue, delayed, lastToken } = history;
    this.#rule(token === revision, `token ${token} was granted at revision ${revision}`);
    this.#rule(token > lastToken, `${key}: token ${token} does not rise above ${lastToken}`);
    this.#rule(holder === undefined, `${key}: ${token} was granted while ${holder} was live`);
    this.#rule(delayed.size === 0, `${key}: ${token} was granted while the key was delayed`);
    this.#rule(this.#lives(sessionId), `${key}: ${token} was granted to a session that had ended`);
    const next = queue[0] ?? 0n;
    this.#rule(ticketId === next, `${key}: ticket ${ticketId} was granted before ${next}`);
    history.queue = queue.filter((other) => other !== ticketId);
    history.holder = token;
    history.lastToken = token;
    this.#holds.set(holdId, { key, token, sessionId });
    this.grants.set(token, { key, token, holdId, client: this.#clients.get(sessionId) ?? "" });
  }

  #holdEnded(
    { holdId, token, targets }: Body<"lockReleased"> | Body<"lockLost">,
    ends: Set<bigint>,
    delayed: boolean,
  ): void {
    const key = keyOf(targets);
    const history = this.#key(key);
    this.#rule(history.holder === token, `${key}: ${token} ended without being held`);
    this.#rule(this.#holds.get(holdId)?.token === token, `${key}: hold ${holdId} is not ${token}`);
    history.holder = undefined;
    if (delayed) history.delayed.add(holdId);
    ends.add(token);
  }

  #delayEnded({ holdId, targets }: Body<"delayEnded">): void {
    const was = this.#key(keyOf(targets)).delayed.delete(holdId);
    this.#rule(was, `the delay of hold ${holdId} ended without running`);
  }

  #key(key: string): KeyHistory {
    let history = this.#keys.get(key);
    if (!history) {
      history = { holder: undefined, delayed: new Set(), queue: [], lastToken: 0n };
      this.#keys.set(key, history);
    }
    return history;
  }

  #lives(sessionId: bigint): boolean {
    return this.#clients.has(sessionId) && !this.#ended.has(sessionId);
  }

  #rule(holds: boolean, otherwise: string): void {
    if (!holds) this.violations.push(`at revision ${this.#revision}: ${otherwise}`);
  }
}

function keyOf(targets: readonly LockTarget[]): string {
  return targets[0]?.key ?? "";
}
