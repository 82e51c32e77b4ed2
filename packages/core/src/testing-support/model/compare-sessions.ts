import { create } from "@bufbuild/protobuf";
import {
  GetPolicyRequestSchema,
  GetSessionRequestSchema,
  ListQuarantinesRequestSchema,
  ListSessionsRequestSchema,
  LockOrdering,
  LossReason,
  SessionState,
} from "@lockstep/protocol";
import type { World } from "../world.ts";
import { KEYS } from "./actions.ts";
import { same } from "./compare-locks.ts";
import { targetsOf } from "./describe.ts";
import { type Facts, type ModelHold, type ModelSession, must } from "./facts.ts";
import { spell } from "./lookups.ts";

/** Reads every session and compares it with what the model knows. */
export function compareSessions(world: World, facts: Facts): void {
  const request = create(ListSessionsRequestSchema, { includeEnded: true });
  const { sessions } = world.reply({ kind: "listSessions", request });
  same(
    sessions.map((one) => [one.sessionId, SessionState[one.state], one.principal]),
    [...facts.sessions.values()].map(({ id, life, principal }) => [id, life, principal]),
    "ListSessions lists all that is known",
  );
  for (const session of facts.sessions.values())
    if (session.life === "ACTIVE") compareSession(world, facts, session);
}

function compareSession(world: World, facts: Facts, session: ModelSession): void {
  const { id: sessionId, principal } = session;
  const caller = { principal, sessionId, secretSha256: undefined };
  const request = create(GetSessionRequestSchema);
  const reply = world.reply({ kind: "getSession", caller, request });
  const holds = [...facts.holds.values()].filter((hold) => hold.sessionId === sessionId);
  same(
    reply.holds.map((one) => [
      one.holdId,
      one.token,
      one.owner,
      one.count,
      spell(targetsOf(one.targets)),
      one.earlierTokens.slice(-16),
      one.releaseAsked?.revision ?? 0n,
    ]),
    holds.map((hold) => [
      hold.id,
      hold.token,
      hold.owner,
      hold.count,
      spell(hold.targets),
      hold.earlierTokens.slice(-16),
      hold.askedRevision,
    ]),
    "GetSession lists all holds",
  );
  for (const [at, hold] of holds.entries())
    compareRequestIds(reply.holds[at]?.requestIds ?? [], hold);
  const tickets = [...facts.tickets.values()].filter((one) => one.sessionId === sessionId);
  same(
    reply.tickets.map((one) => [
      one.queued?.ticketId,
      one.requestId,
      one.owner,
      one.holdId,
      spell(targetsOf(one.targets)),
    ]),
    tickets.map(({ id, requestId, owner, holdId, targets }) => [
      id,
      requestId,
      owner,
      holdId,
      spell(targets),
    ]),
    "GetSession lists all tickets",
  );
  const lost = [...session.over].filter(
    ([, { how }]) => !["RELEASED", "TRANSFERRED"].includes(how),
  );
  same(
    reply.losses.map((one) => [one.holdId, LossReason[one.reason]]),
    lost.map(([holdId, { how }]) => [holdId, how]),
    "GetSession lists all losses",
  );
  const remainingMs = Math.ceil(session.renewedAtMs + session.ttlMs - world.monotonicMs);
  must(reply.session?.remainingMs === BigInt(Math.max(0, remainingMs)), "a session has its time");
}

/** A request that was answered with a hold as it was may be listed, as long as it is remembered. */
function compareRequestIds(shown: readonly bigint[], hold: ModelHold): void {
  const unwritten = shown.filter((id) => !hold.requestIds.includes(id));
  for (const id of unwritten)
    must(hold.unwrittenIds.includes(id), `hold ${hold.id} is not ${id}'s`);
  for (const id of hold.requestIds) must(shown.includes(id), `hold ${hold.id} is ${id}'s too`);
  for (const [at, id] of shown.entries())
    must(at === 0 || id > (shown[at - 1] ?? 0n), "request ids rise");
}

/** Reads what operators read and compares it with what the model knows. */
export function compareAdmin(world: World, facts: Facts): void {
  const request = create(ListQuarantinesRequestSchema);
  const { identities, keys } = world.reply({ kind: "listQuarantines", request });
  same(
    identities.map((one) => [one.principal, one.revision, one.automatic]),
    [...facts.quarantined]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([principal, { revision, automatic }]) => [principal, revision, automatic]),
    "ListQuarantines lists all principals",
  );
  const quarantined = KEYS.filter((key) => facts.quarantinedKeys.has(key));
  same(
    keys.map(({ key }) => key),
    quarantined,
    "ListQuarantines lists all keys",
  );
  comparePolicies(world, facts);
}

function comparePolicies(world: World, facts: Facts): void {
  const request = create(GetPolicyRequestSchema, { key: "pool" });
  const { version, policies, inForce } = world.reply({ kind: "getPolicy", request });
  same(version, facts.policyVersion, "the policies have their version");
  same(
    policies.map((one) => [one.keyPrefix, one.policy?.permits, Number(one.policy?.maxHoldMs)]),
    [...facts.policies]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([prefix, { permits, maxHoldMs }]) => [prefix, permits, maxHoldMs]),
    "GetPolicy lists all policies",
  );
  const prefix = facts.policies.has("p") ? "p" : facts.policies.has("") ? "" : undefined;
  same(inForce?.keyPrefix, prefix, "the longest prefix is in force");
  const { namespace } = world.reply({ kind: "getNamespace" });
  const { ascending, afterLosses, windowMs } = facts.settings;
  const ordering = namespace?.settings?.ordering === LockOrdering.ASCENDING;
  same(
    [ordering, namespace?.settings?.quarantineAfterLosses ?? 0, namespace?.version],
    [ascending, afterLosses, facts.settingsVersion],
    "the settings are as they were set",
  );
  same(Number(namespace?.settings?.quarantineWindowMs ?? 0n), windowMs, "the window too");
}
