import type { Event } from "@lockstep/protocol";
import type { Action } from "./actions.ts";
import type { Call, Repeatable } from "./calls.ts";
import type { Facts } from "./facts.ts";

/** A client of the story: it numbers requests, repeats them, and confirms what it likes. */
export class Peer {
  readonly #ttlMs: number;
  #secret: number;
  #sessionId = 0n;
  #lastId = 0n;
  #sent: Repeatable[] = [];
  /** Ids of acquires that were left out, or cancelled before they were sent. */
  #leftOut: bigint[] = [];
  /** Ids whose final reply it has. */
  #finals = new Set<bigint>();
  /** The last news a keep-alive told of. */
  #told = 0n;

  constructor(index: number, ttlMs: number) {
    this.#secret = index + 1;
    this.#ttlMs = ttlMs;
  }

  /** Opens its session, or asks for it again. */
  open(): Call {
    return { kind: "open", secret: this.#secret, ttlMs: this.#ttlMs };
  }

  /** The call an action stands for in this state. `token` is that of some hold. */
  callOf(action: Action, facts: Facts, durableRevision: bigint, token: bigint): Call {
    const { pick } = action;
    const alive = facts.sessions.get(this.#sessionId)?.life === "ACTIVE";
    if (action.kind === "open" || (!alive && pick % 3 > 0)) return this.#reopen(alive);
    const sessionId = this.#sessionId;
    const answered = this.#answered(action);
    if (action.kind === "keepAlive")
      return { kind: "keepAlive", sessionId, answered, seen: this.#seen(action, durableRevision) };
    const again = action.again ? this.#sent.at(-1 - (pick % 8)) : undefined;
    if (again !== undefined) return { ...again, answered };
    const call = this.#newCall(action, facts, token, { sessionId, answered });
    this.#sent.push(call);
    return call;
  }

  /** Takes note of what came back, and of grants and ends of waits that were pushed. */
  heard(call: Call | undefined, says: string, events: readonly Event[]): void {
    if (call?.kind === "open" && call.secret === this.#secret && says === "session new")
      this.#begin(events[0]?.revision ?? 0n);
    for (const { body } of events) {
      if (body.case !== "lockGranted" && body.case !== "ticketEnded") continue;
      if (body.value.sessionId === this.#sessionId) this.#finals.add(body.value.requestId);
    }
    if (call === undefined || !("sessionId" in call) || call.sessionId !== this.#sessionId) return;
    if (call.kind === "keepAlive")
      this.#told = BigInt(/^alive (\d+)/.exec(says)?.[1] ?? this.#told);
    else if (!says.startsWith("waiting")) this.#finals.add(call.requestId);
  }

  /** The server is back, maybe without the session or the newest requests. */
  afterRestart(facts: Facts): void {
    if (facts.sessions.has(this.#sessionId)) return;
    this.#secret += 10;
    this.#begin(0n);
  }

  #begin(sessionId: bigint): void {
    this.#sessionId = sessionId;
    this.#lastId = 0n;
    this.#sent = [];
    this.#leftOut = [];
    this.#finals = new Set();
    this.#told = 0n;
  }

  #reopen(alive: boolean): Call {
    if (!alive) this.#secret += 10;
    return this.open();
  }

  #newCall(
    { kind, key, owner, waitMs, id, pick }: Action,
    facts: Facts,
    token: bigint,
    session: { sessionId: bigint; answered: bigint[] },
  ): Repeatable {
    const requestId = this.#requestId(id, kind === "acquire", pick);
    const content = `${kind} ${key} ${owner} ${waitMs}`;
    switch (kind) {
      case "release": {
        const own = [...facts.holds.values()].filter((one) => one.sessionId === session.sessionId);
        const holdId = pick < 22 ? (own.at(pick % 2)?.id ?? token) : token;
        const shown = pick === 30 ? holdId + 1n : holdId;
        const released = `release ${holdId} ${shown}`;
        return { kind, ...session, requestId, holdId, token: shown, content: released };
      }
      case "cancel": {
        const acquireRequestId = this.#cancelled(facts, pick);
        const cancelled = `cancel ${acquireRequestId}`;
        return { kind, ...session, requestId, acquireRequestId, content: cancelled };
      }
      case "close":
        return { kind, ...session, requestId, content: "close" };
      default:
        return { kind: "acquire", ...session, requestId, key, owner, waitMs, content };
    }
  }

  #requestId(id: Action["id"], isAcquire: boolean, pick: number): bigint {
    const used = this.#sent.at(-1 - (pick % 5))?.requestId;
    if (id === "used" && used !== undefined) return used;
    if (id === "left out" && isAcquire) {
      const leftOut = this.#leftOut.shift();
      if (leftOut !== undefined) return leftOut;
      this.#lastId += 1n;
      this.#leftOut.push(this.#lastId);
    }
    this.#lastId += 1n;
    return this.#lastId;
  }

  /** An acquire that waits, one it has sent, one it has left out, or one it will send later. */
  #cancelled(facts: Facts, pick: number): bigint {
    const waits = [...facts.tickets.values()].find((one) => one.sessionId === this.#sessionId);
    if (pick < 10 && waits !== undefined) return waits.requestId;
    const sent = this.#sent.at(-1 - (pick % 4))?.requestId;
    if (pick < 20 && sent !== undefined) return sent;
    const leftOut = this.#leftOut[0];
    if (pick < 25 && leftOut !== undefined) return leftOut;
    this.#lastId += 1n;
    this.#leftOut.push(this.#lastId);
    return this.#lastId;
  }

  #answered({ answered, pick }: Action): bigint[] {
    if (answered === "nothing") return [];
    if (answered === "finals") return [...this.#finals];
    const first = BigInt((pick * 7) % 23) + 1n;
    return [first, first + 1n, first + 4n];
  }

  #seen({ seen }: Action, durableRevision: bigint): bigint {
    switch (seen) {
      case "nothing":
        return 0n;
      case "what it was told":
        return this.#told <= durableRevision ? this.#told : 0n;
      case "all that is durable":
        return durableRevision;
      case "too much":
        return durableRevision + 1n;
    }
  }
}
