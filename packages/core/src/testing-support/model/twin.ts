import type { Event } from "@lockstep/protocol";
import { World } from "../world.ts";
import { accept, mustHoldConfirmed } from "./accept.ts";
import { runningLimits } from "./accept-admin.ts";
import { type Action, PREFIXES, type Story } from "./actions.ts";
import type { AdminCall, Call } from "./calls.ts";
import { checkHints, checkRemaining, obstaclesOf } from "./check-hints.ts";
import { compareLocks } from "./compare-locks.ts";
import { compareAdmin, compareSessions } from "./compare-sessions.ts";
import { hasCircle } from "./deadlock.ts";
import { describeEvent, eventLabel, follows } from "./describe.ts";
import { type Facts, must, noFacts } from "./facts.ts";
import { endsOf, startLimit } from "./limit.ts";
import { holdersOf, paused } from "./lookups.ts";
import type { Occasion } from "./occasion.ts";
import { Peer } from "./peer.ts";
import { predict } from "./predict.ts";
import { MODEL_LIMITS, type Prediction } from "./prediction.ts";
import { recovered } from "./recovered.ts";
import { type Answer, send } from "./send.ts";
import { mustBeSettled, mustHaveNoCircle, mustNotBeDue, mustQuarantine } from "./stable.ts";

const PEERS = [
  { ttlMs: 5_000, principal: "alice" },
  { ttlMs: 20_000, principal: "alice" },
  { ttlMs: 60_000, principal: "bob" },
] as const;

/** How long served time may go unwritten while something counts it. */
const WRITTEN_WITHIN_MS = 10_000;

/** The core and the model of it, told the same story. Throws where they differ. */
export class Twin {
  readonly world: World;
  /** What must be forgotten at a crash: `facts` as of the last commit. */
  #durable: Facts;
  #facts: Facts = noFacts();
  readonly #peers: Peer[];
  /** What has happened: kinds of events and outcomes. */
  readonly seen = new Set<string>();
  /** Every hold there ever was, with its token. */
  readonly #holds: { holdId: bigint; token: bigint }[] = [];

  constructor({ pauseMs, permits }: Omit<Story, "actions">) {
    this.world = new World({ limits: MODEL_LIMITS, grantPauseMs: pauseMs });
    this.world.commitsAtOnce = false;
    const { monotonicMs } = this.world;
    this.#facts.epochAtMs = monotonicMs;
    this.#facts.pauseIsOver = pauseMs === 0;
    if (pauseMs > 0) this.#facts.pause = startLimit(pauseMs, monotonicMs);
    this.#durable = structuredClone(this.#facts);
    this.#peers = PEERS.map(({ ttlMs, principal }, at) => new Peer(at, ttlMs, principal));
    for (const peer of this.#peers) this.#call(peer.open());
    if (permits === 0) return;
    const none = { maxHoldMs: 0, lockDelayMs: 0, maxWaiters: 0, maxWaitMs: 0 };
    this.#call({ kind: "setPolicy", prefix: "p", policy: { ...none, permits }, version: 0n });
  }

  /** Lets one thing happen to both. */
  perform(action: Action): void {
    this.world.pass(action.passMs);
    if (action.tick) this.#tick();
    if (action.kind === "restart") this.#restart();
    else this.#call(this.#callOf(action));
    if (action.commit) this.#commit();
    compareLocks(this.world, this.#facts);
    compareSessions(this.world, this.#facts);
    compareAdmin(this.world, this.#facts);
  }

  #callOf(action: Action): Call {
    const peer = this.#peers[action.who] as Peer;
    const any = this.#holds.at(-1 - (action.pick % 6)) ?? { holdId: 1n, token: 1n };
    return (
      this.#adminCallOf(action, peer, any.token) ??
      peer.callOf(action, this.#facts, this.world.durableRevision, any)
    );
  }

  #adminCallOf(action: Action, peer: Peer, any: bigint): AdminCall | undefined {
    const { kind, pick, policy, settings } = action;
    const [key = "a"] = action.keys;
    const holders = holdersOf(this.#facts, key);
    const held = holders.at(pick % Math.max(1, holders.length))?.token;
    const token = pick < 20 ? (held ?? any) : any;
    const { policyVersion, settingsVersion } = this.#facts;
    switch (kind) {
      case "forceRelease":
        return { kind, key, token, immediate: pick % 3 === 0 };
      case "requestRelease":
        return { kind, key, token: pick % 2 === 0 ? 0n : token };
      case "checkFence":
        return { kind, key, token: token + BigInt(pick % 3) };
      case "revoke":
        return { kind, sessionId: pick === 30 ? 999_999_999n : peer.sessionId || 1n };
      case "quarantine":
        return { kind, principal: peer.principal };
      case "clear":
        return this.#clearCall(pick, key, peer.principal);
      case "setPolicy": {
        const prefix = PREFIXES[pick % 4] ?? "p";
        return { kind, prefix, policy, version: stale(policyVersion, pick) };
      }
      case "configure":
        return { kind, settings, version: stale(settingsVersion, pick) };
      default:
        return undefined;
    }
  }

  #clearCall(pick: number, key: string, principal: string): AdminCall {
    const { quarantinedKeys, quarantined } = this.#facts;
    const subject = pick % 2 === 0 ? "key" : "principal";
    const all = [...(subject === "key" ? quarantinedKeys : quarantined)];
    const [name, inForce] = all[0] ?? [subject === "key" ? key : principal, undefined];
    const revision = (inForce?.revision ?? 5n) + (pick > 26 ? 1n : 0n);
    return { kind: "clear", subject, name, revision };
  }

  #call(call: Call): void {
    const { revision } = this.world.state;
    const { monotonicMs: nowMs, durableRevision } = this.world;
    // A transfer lets waiters wait for whoever got the hold, which nobody asks to be searched.
    const wasThere = hasCircle(this.#facts) || call.kind === "transfer";
    const obstacles = obstaclesOf(this.#facts, call);
    const predictions = predict(this.#facts, call, { nowMs, durableRevision, revision });
    const batchesBefore = this.world.batches.length;
    const answer = send(this.world, call);
    const events = this.world.batches.slice(batchesBefore).flat();
    const own = events.filter((event) => !follows(event)).map(describeEvent);
    const prediction = predictions.find((one) => fits(one, answer, own));
    if (prediction === undefined) throw disagreement(call, answer, own, predictions);
    prediction.note?.();
    this.seen.add(labelOf(call, answer.says));
    this.#accept(events, { call, tick: false, nowMs, durableRevision });
    if (events.length > 0) mustHoldConfirmed(this.#facts, call);
    // A hint is told as of the call's own event: what follows in the same step may change it.
    if (events.length < 2) checkHints(this.#facts, answer, obstacles);
    checkRemaining(this.#facts, prediction, answer, nowMs);
    mustHaveNoCircle(this.#facts, wasThere);
    for (const peer of this.#peers) peer.heard(call, answer.says, events);
  }

  #tick(): void {
    const { monotonicMs: nowMs, durableRevision } = this.world;
    const wasThere = hasCircle(this.#facts);
    const events = this.world.tick();
    this.#accept(events, { call: undefined, tick: true, nowMs, durableRevision });
    mustHaveNoCircle(this.#facts, wasThere);
    for (const peer of this.#peers) peer.heard(undefined, "", events);
    mustNotBeDue(this.#facts, nowMs);
    const { writtenAtMs } = this.#facts;
    for (const limit of runningLimits(this.#facts, durableRevision))
      must(
        endsOf(limit).untilMs <= nowMs ||
          nowMs - Math.max(limit.countedSinceMs, writtenAtMs) < WRITTEN_WITHIN_MS,
        "served time is written while something counts it",
      );
  }

  #restart(): void {
    const { batches, monotonicMs: crashMs } = this.world;
    this.world.restart();
    const kept = new Set(batches);
    const { monotonicMs: nowMs, durableRevision } = this.world;
    this.#facts = recovered(this.#durable, crashMs, nowMs);
    this.#durable = structuredClone(this.#facts);
    const events = this.world.batches.filter((batch) => !kept.has(batch)).flat();
    must(events[0]?.body.case === "epochStarted", "an epoch begins with its start");
    this.#accept(events.slice(1), { call: undefined, tick: false, nowMs, durableRevision });
    for (const peer of this.#peers) peer.afterRestart(this.#facts);
  }

  #accept(events: readonly Event[], occasion: Occasion): void {
    for (const event of events) {
      accept(this.#facts, event, occasion);
      this.seen.add(eventLabel(event));
      if (event.body.case === "lockGranted" || event.body.case === "holdConverted")
        this.#holds.push({ holdId: event.body.value.holdId, token: event.body.value.token });
    }
    if (occasion.tick && paused(this.#facts, occasion.nowMs) === "no")
      this.#facts.pauseIsOver = true;
    mustBeSettled(this.#facts);
    mustQuarantine(this.#facts, occasion.nowMs);
  }

  #commit(): void {
    this.world.commit();
    this.#durable = structuredClone(this.#facts);
  }
}

/** An outcome without its numbers. */
function labelOf({ kind }: Call, says: string): string {
  return `${kind}: ${says.replaceAll(/ (new|[\d,]+)/g, "")}`;
}

/** Mostly the version in force; sometimes one before or after it. */
function stale(version: bigint, pick: number): bigint {
  if (pick < 24) return version;
  return version > 0n && pick % 2 === 0 ? version - 1n : version + 1n;
}

function fits(prediction: Prediction, { says }: Answer, own: readonly string[]): boolean {
  if (says !== prediction.says) return false;
  const rest = [...own];
  for (const event of prediction.events) {
    const at = rest.indexOf(event);
    if (at < 0) return false;
    rest.splice(at, 1);
  }
  return rest.every((event) => prediction.optional?.includes(event));
}

function disagreement(
  call: Call,
  { says }: Answer,
  own: readonly string[],
  predictions: readonly Prediction[],
): Error {
  const expected = predictions.map((one) => `${one.says} [${one.events}]`).join(" or ");
  return new Error(`${show(call)}\n  gave ${says} [${own}]\n  expected ${expected}`);
}

function show(call: Call): string {
  return JSON.stringify(call, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}
