import { type Event, LockOrdering } from "@lockstep/protocol";
import { type Facts, must } from "./facts.ts";
import { type Limit, noteWritten } from "./limit.ts";
import type { Body, Occasion } from "./occasion.ts";

/** Takes an event about the namespace as a whole into the facts; false when it is about something else. */
export function acceptAdmin(facts: Facts, event: Event, occasion: Occasion): boolean {
  const { body } = event;
  if (body.case === "identityQuarantined") quarantined(facts, event, body.value, occasion);
  else if (body.case === "identityQuarantineCleared") {
    const { principal, quarantineRevision } = body.value;
    const inForce = facts.quarantined.get(principal);
    must(inForce?.revision === quarantineRevision, "what is cleared was in force");
    facts.quarantined.delete(principal);
    for (const one of facts.lostSessions) if (one.principal === principal) one.stale = true;
  } else if (body.case === "keyQuarantineCleared") {
    const { key, quarantineRevision } = body.value;
    const inForce = facts.quarantinedKeys.get(key);
    must(inForce?.revision === quarantineRevision, "what is cleared was in force");
    facts.quarantinedKeys.delete(key);
  } else if (body.case === "policyChanged") policyChanged(facts, body.value, occasion);
  else if (body.case === "namespaceConfigured") configured(facts, body.value, occasion);
  else if (body.case === "servedTimeAdvanced") served(facts, body.value, occasion);
  else return false;
  return true;
}

function quarantined(
  facts: Facts,
  event: Event,
  { principal, automatic }: Body<"identityQuarantined">,
  { nowMs }: Occasion,
): void {
  must(!facts.quarantined.has(principal), "a principal is quarantined once");
  if (automatic) {
    const { afterLosses, windowMs } = facts.settings;
    // By the whole milliseconds in which events tell when they were decided.
    const fromMs = Math.floor(nowMs) - windowMs;
    const losses = facts.lostSessions.filter(
      (one) => one.principal === principal && (one.stale || Math.floor(one.atMs) >= fromMs),
    );
    must(afterLosses > 0 && losses.length > afterLosses, "a principal is quarantined for a reason");
  }
  facts.quarantined.set(principal, { revision: event.revision, automatic });
}

function policyChanged(facts: Facts, body: Body<"policyChanged">, { call }: Occasion): void {
  if (call?.kind !== "setPolicy") throw new Error("nobody set a policy");
  must(body.version === facts.policyVersion + 1n, "each change of the policies counts one");
  must((body.policy === undefined) === (call.policy === undefined), "a policy is set as asked");
  facts.policyVersion = body.version;
  if (body.policy === undefined) facts.policies.delete(body.keyPrefix);
  else
    facts.policies.set(body.keyPrefix, {
      maxHoldMs: Number(body.policy.maxHoldMs),
      lockDelayMs: Number(body.policy.lockDelayMs),
      permits: body.policy.permits,
      maxWaiters: body.policy.maxWaiters,
      maxWaitMs: Number(body.policy.maxWaitMs),
    });
}

function configured(facts: Facts, body: Body<"namespaceConfigured">, { call }: Occasion): void {
  if (call?.kind !== "configure") throw new Error("nobody configured the namespace");
  must(body.version === facts.settingsVersion + 1n, "each change of the settings counts one");
  facts.settingsVersion = body.version;
  // Losses that an earlier setting need not have counted may be forgotten.
  for (const one of facts.lostSessions) one.stale = true;
  facts.settings = {
    ascending: body.settings?.ordering === LockOrdering.ASCENDING,
    afterLosses: body.settings?.quarantineAfterLosses ?? 0,
    windowMs: Number(body.settings?.quarantineWindowMs ?? 0n),
  };
}

function served(facts: Facts, body: Body<"servedTimeAdvanced">, occasion: Occasion): void {
  const { nowMs, durableRevision } = occasion;
  const servedMs = Number(body.servedMs);
  const truthMs = facts.servedBeforeMs + nowMs - facts.epochAtMs;
  must(servedMs >= facts.servedMs, "served time does not fall");
  must(servedMs <= truthMs && servedMs > truthMs - 1, "what is written is what was served");
  must(body.durableRevision === durableRevision, "what is durable is written as it is");
  facts.servedMs = servedMs;
  facts.writtenAtMs = nowMs;
  for (const limit of runningLimits(facts, durableRevision)) noteWritten(limit, nowMs);
}

/** Every limit that counts served time; of delays those whose loss is durable. */
export function runningLimits(facts: Facts, durableRevision: bigint): Limit[] {
  const holds = [...facts.holds.values()].map(({ maxHold }) => maxHold);
  const delays = [...facts.delays.values()]
    .filter(({ lossRevision }) => lossRevision <= durableRevision)
    .flatMap(({ confirm, lock }) => [confirm, lock]);
  return [...holds, ...delays, facts.pause].filter((limit) => limit !== undefined);
}
