import { ErrorReason, type Event } from "@lockstep/protocol";
import { Refusal } from "../../refusal.ts";
import { World } from "../world.ts";
import { accept, describeEvent, must, type Occasion } from "./accept.ts";
import type { Action } from "./actions.ts";
import type { Call } from "./calls.ts";
import { compareReads } from "./compare-reads.ts";
import { endOf, type Facts, holderOf, noFacts } from "./facts.ts";
import { Peer } from "./peer.ts";
import { MODEL_LIMITS, predict } from "./predict.ts";
import { send } from "./send.ts";

const TTLS_MS = [5_000, 20_000, 60_000] as const;

/** The core and the model of it, told the same story. Throws where they differ. */
export class Twin {
  readonly world: World;
  /** What must be forgotten at a crash: `facts` as of the last commit. */
  #durable: Facts;
  #facts: Facts = noFacts();
  readonly #peers: Peer[];
  /** Every hold there ever was. */
  readonly #holds: bigint[] = [];

  constructor(pauseMs: number) {
    this.world = new World({ limits: MODEL_LIMITS, grantPauseMs: pauseMs });
    this.world.commitsAtOnce = false;
    this.#facts.pauseMs = pauseMs;
    this.#facts.pausedUntilMs = this.world.monotonicMs + pauseMs;
    this.#durable = structuredClone(this.#facts);
    this.#peers = TTLS_MS.map((ttlMs, i) => new Peer(i, ttlMs));
    for (const peer of this.#peers) this.#call(peer.open());
  }

  /** Lets one thing happen to both. */
  perform(action: Action): void {
    this.world.pass(action.passMs);
    if (action.tick) this.#tick();
    if (action.kind === "restart") this.#restart();
    else this.#call(this.#callOf(action));
    if (action.commit) this.#commit();
    compareReads(this.world, this.#facts);
  }

  #callOf(action: Action): Call {
    const peer = this.#peers[action.who] as Peer;
    const { key, pick } = action;
    const token = this.#holds.at(-1 - (pick % 6)) ?? 1n;
    switch (action.kind) {
      case "forceRelease":
        return { kind: "forceRelease", key, token: pick < 20 ? this.#tokenOf(key, token) : token };
      case "checkFence":
        return { kind: "checkFence", key, token: token + BigInt(pick % 3) };
      default:
        return peer.callOf(action, this.#facts, this.world.durableRevision, token);
    }
  }

  #tokenOf(key: string, otherwise: bigint): bigint {
    return holderOf(this.#facts, key)?.id ?? otherwise;
  }

  #call(call: Call): void {
    const { revision } = this.world.state;
    const { monotonicMs: nowMs, durableRevision } = this.world;
    const expected = predict(this.#facts, call, { nowMs, durableRevision, revision });
    const batchesBefore = this.world.batches.length;
    const says = outcomeOf(() => send(this.world, call, revision));
    const events = this.world.batches.slice(batchesBefore).flat();
    const own = events.filter(
      ({ body }) => body.case !== "lockGranted" || body.value.ticketId === 0n,
    );
    same(says, expected.says, call);
    same(own.map(describeEvent).sort(), [...expected.events].sort(), call);
    this.#accept(events, {
      tick: false,
      nowMs,
      durableRevision,
      content: "content" in call ? call.content : "",
      secret: call.kind === "open" ? call.secret : 0,
    });
    for (const peer of this.#peers) peer.heard(call, says, events);
  }

  #tick(): void {
    const { monotonicMs: nowMs, durableRevision } = this.world;
    const events = this.world.tick();
    this.#accept(events, { tick: true, nowMs, durableRevision, content: "", secret: 0 });
    for (const peer of this.#peers) peer.heard(undefined, "", events);
    for (const { life, renewedAtMs, ttlMs, endedAtMs } of this.#facts.sessions.values()) {
      must(life !== "ACTIVE" || nowMs < renewedAtMs + ttlMs, "a session expires at its time");
      must(life === "ACTIVE" || nowMs < endedAtMs + 7_200_000, "a session is forgotten");
    }
    for (const { untilMs } of this.#facts.tickets.values())
      must(nowMs < untilMs, "a wait ends at its time");
    for (const delay of this.#facts.delays.values())
      must(nowMs < endOf(delay), "a delay ends at its time");
  }

  #restart(): void {
    const { batches } = this.world;
    this.world.restart();
    const kept = new Set(batches);
    const nowMs = this.world.monotonicMs;
    this.#facts = recovered(structuredClone(this.#durable), nowMs);
    const events = this.world.batches.filter((batch) => !kept.has(batch)).flat();
    must(events[0]?.body.case === "epochStarted", "an epoch begins with its start");
    const { durableRevision } = this.world;
    this.#accept(events.slice(1), { tick: false, nowMs, durableRevision, content: "", secret: 0 });
    for (const peer of this.#peers) peer.afterRestart(this.#facts);
  }

  #accept(events: readonly Event[], occasion: Occasion): void {
    for (const event of events) {
      accept(this.#facts, event, occasion);
      if (event.body.case === "lockGranted") this.#holds.push(event.body.value.holdId);
    }
  }

  #commit(): void {
    this.world.commit();
    this.#durable = structuredClone(this.#facts);
  }
}

/** What is left of facts, and how time counts in them, when a new epoch starts. */
function recovered(facts: Facts, nowMs: number): Facts {
  for (const session of facts.sessions.values()) {
    session.renewedAtMs = nowMs;
    session.endedAtMs = nowMs;
    session.answered.clear();
    for (const [id, { lasting }] of session.outcomes) if (!lasting) session.outcomes.delete(id);
  }
  for (const ticket of facts.tickets.values()) ticket.untilMs = nowMs + ticket.waitMs;
  for (const delay of facts.delays.values()) {
    delay.usedBeforeMs = delay.writtenMs;
    delay.sinceMs = nowMs;
  }
  facts.pausedUntilMs = nowMs + facts.pauseMs;
  return facts;
}

function outcomeOf(call: () => string): string {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const token = error.metadata.token === undefined ? "" : ` ${error.metadata.token}`;
    return `refused ${ErrorReason[error.reason]}${token}`;
  }
}

function same(actual: string | string[], expected: string | string[], call: Call): void {
  if (String(actual) === String(expected)) return;
  throw new Error(`${show(call)}\n  gave ${actual}\n  expected ${expected}`);
}

function show(call: Call): string {
  return JSON.stringify(call, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}
