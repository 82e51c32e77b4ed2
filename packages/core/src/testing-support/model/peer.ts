import type { Event } from "@lockstep/protocol";
import type { Action } from "./actions.ts";
import type { Call, Repeatable } from "./calls.ts";
import type { Facts, ModelHold, Target } from "./facts.ts";
import { policyOf, spell } from "./lookups.ts";

/** A hold as somebody speaks of it, rightly or not. */
interface Spoken {
  readonly holdId: bigint;
  readonly token: bigint;
}

/** A client of the story: it numbers requests, repeats them, and confirms what it likes. */
export class Peer {
  readonly #ttlMs: number;
  readonly principal: string;
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

  constructor(index: number, ttlMs: number, principal: string) {
    this.#secret = index + 1;
    this.#ttlMs = ttlMs;
    this.principal = principal;
  }

  get sessionId(): bigint {
    return this.#sessionId;
  }

  /** Opens its session, or asks for it again. */
  open(): Call {
    const { principal } = this;
    return { kind: "open", secret: this.#secret, ttlMs: this.#ttlMs, principal };
  }

  /** The call an action stands for in this state. `any` is some hold there was. */
  callOf(action: Action, facts: Facts, durableRevision: bigint, any: Spoken): Call {
    const { pick } = action;
    const alive = facts.sessions.get(this.#sessionId)?.life === "ACTIVE";
    if (action.kind === "open" || (!alive && pick % 3 > 0)) return this.#reopen(alive);
    const sessionId = this.#sessionId;
    const answered = this.#answered(action);
    if (action.kind === "keepAlive")
      return { kind: "keepAlive", sessionId, answered, seen: this.#seen(action, durableRevision) };
    const again = action.again ? this.#sent.at(-1 - (pick % 8)) : undefined;
    if (again !== undefined) return { ...again, answered };
    const call = this.#newCall(action, facts, any, { sessionId, answered });
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
    if (call === undefined || !("answered" in call) || call.sessionId !== this.#sessionId) return;
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
    action: Action,
    facts: Facts,
    any: Spoken,
    session: { sessionId: bigint; answered: bigint[] },
  ): Repeatable {
    const { kind, pick, waitMs, priority, modes } = action;
    const requestId = this.#requestId(action.id, kind === "acquire", pick);
    const answerQueued = pick % 4 === 0;
    const spoken = this.#spoken(facts, any, action);
    const { holdId, token } = spoken;
    const base = { ...session, requestId };
    switch (kind) {
      case "release":
        return { kind, ...base, ...spoken, content: `release ${holdId} ${token}` };
      case "convert": {
        const key = this.#keyOf(facts, holdId, action);
        const mode = pick % 3 === 0 ? (modes[0] ?? "SHARED") : "EXCLUSIVE";
        const content = `convert ${holdId} ${token} ${key} ${mode} ${waitMs} ${priority}`;
        const asked = { ...spoken, key, mode, waitMs, priority, answerQueued };
        return { kind, ...base, ...asked, content };
      }
      case "setValue": {
        const { value } = action.terms;
        return { kind, ...base, ...spoken, value, content: `value ${holdId} ${token} ${value}` };
      }
      case "transfer": {
        const to = this.#receiver(facts, holdId, pick);
        const content = `transfer ${holdId} ${token} ${to.toSessionId} ${to.toRequestId}`;
        return { kind, ...base, ...spoken, ...to, content };
      }
      case "cancel": {
        const acquireRequestId = this.#cancelled(facts, pick);
        return { kind, ...base, acquireRequestId, content: `cancel ${acquireRequestId}` };
      }
      case "close":
        return { kind, ...base, content: "close" };
      default: {
        const { owner, count, terms } = action;
        const targets = targetsOf(facts, action);
        const asked = { targets, owner, count, terms, waitMs, priority, answerQueued };
        // In the order given: a request with the same targets in another order says something else.
        const wanted = targets.map((target) => spell([target])).join("+");
        const said = [wanted, owner, count, JSON.stringify(terms), waitMs, priority];
        return { kind: "acquire", ...base, ...asked, content: `acquire ${said.join(" ")}` };
      }
    }
  }

  /** A hold of its own, mostly a fitting one, with one of its tokens or a wrong one; sometimes somebody else's. */
  #spoken(facts: Facts, any: Spoken, { kind, pick }: Action): Spoken {
    const own = [...facts.holds.values()].filter((one) => one.sessionId === this.#sessionId);
    const fit = own.filter((hold) => isFor(kind, hold, facts));
    const all = pick < 20 && fit.length > 0 ? fit : own;
    const hold = pick < 26 ? (all.at(pick % 3) ?? all[0]) : undefined;
    if (hold === undefined) return any;
    if (pick === 25) return { holdId: hold.id, token: hold.token + 1n };
    const earlier = pick > 20 ? hold.earlierTokens[0] : undefined;
    return { holdId: hold.id, token: earlier ?? hold.token };
  }

  #keyOf(facts: Facts, holdId: bigint, { keys, pick }: Action): string {
    const targets = facts.holds.get(holdId)?.targets ?? [];
    const upgradable = targets.find(({ mode }) => mode === "UPGRADABLE");
    const own = upgradable ?? targets[pick % Math.max(1, targets.length)];
    return (pick < 28 ? own?.key : undefined) ?? keys[0] ?? "a";
  }

  #receiver(facts: Facts, holdId: bigint, pick: number) {
    const wanted = spell(facts.holds.get(holdId)?.targets ?? []);
    const all = [...facts.tickets.values()];
    const fit = all.filter(({ targets }) => spell(targets) === wanted);
    const waiter = (pick < 25 && fit.length > 0 ? fit : all).at(pick % 2) ?? all[0];
    const { sessionId = this.#sessionId, requestId = 1n } = waiter ?? {};
    return { toSessionId: sessionId, toRequestId: requestId };
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

  /** A request that waits, one it has sent, one it has left out, or one it will send later. */
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

/** Whether something comes of it when this is done to a hold. */
function isFor(kind: Action["kind"], { targets }: ModelHold, facts: Facts): boolean {
  if (kind === "convert") return targets.some(({ mode }) => mode === "UPGRADABLE");
  const wanted = spell(targets);
  return [...facts.tickets.values()].some((ticket) => spell(ticket.targets) === wanted);
}

/** What an action asks for: mostly in a mode that the key takes. */
function targetsOf(facts: Facts, { keys, modes, permits, pick, owner }: Action): Target[] {
  const held = [...facts.holds.values()].find((hold) => owner !== "" && hold.owner === owner);
  if (held !== undefined && pick < 4) return held.targets;
  return keys.map((key, at) => {
    const limit = policyOf(facts, key).permits;
    const wished = modes[at] ?? "EXCLUSIVE";
    const fits = limit > 0 ? "PERMITS" : wished === "PERMITS" ? "SHARED" : wished;
    const mode = pick === 29 ? wished : fits;
    const most = Math.max(1, pick === 28 ? limit + 1 : limit);
    return { key, mode, permits: mode === "PERMITS" ? Math.min(permits, most) : 0 };
  });
}
