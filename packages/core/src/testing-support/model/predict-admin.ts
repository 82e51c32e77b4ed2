import type { AdminCall, CallOf } from "./calls.ts";
import type { Facts, ModelSession } from "./facts.ts";
import { delayEnds, holdersOf, sessionOf } from "./lookups.ts";
import { type Moment, type Prediction, refuse, say } from "./prediction.ts";

/** Says what the contract demands of a call outside a session. */
export function predictAdmin(facts: Facts, call: AdminCall, moment: Moment): Prediction[] {
  switch (call.kind) {
    case "requestRelease":
      return [predictRequestRelease(facts, call)];
    case "forceRelease":
      return predictForceRelease(facts, call);
    case "revoke":
      return [predictRevoke(facts, call)];
    case "clear":
      return [predictClear(facts, call)];
    case "quarantine":
      return [predictQuarantine(facts, call)];
    case "setPolicy":
      return [predictSetPolicy(facts, call)];
    case "configure":
      return [predictConfigure(facts, call)];
    case "checkFence":
      return [predictCheckFence(facts, call, moment)];
  }
}

function predictRequestRelease(facts: Facts, { key, token }: CallOf<"requestRelease">): Prediction {
  const asked = holdersOf(facts, key).filter((hold) => token === 0n || hold.token === token);
  const fresh = asked.filter(({ askedRevision }) => askedRevision === 0n);
  return say(`asked ${asked.map(({ id }) => id)}`, ...fresh.map(({ id }) => `asked ${id}`));
}

function predictForceRelease(facts: Facts, call: CallOf<"forceRelease">): Prediction[] {
  const { key, token, immediate } = call;
  const holders = holdersOf(facts, key);
  const live = holders.find((hold) => hold.token === token);
  if (live !== undefined) {
    const prediction = say(`forced ${live.id}`, `lost ${live.id} FORCE_RELEASED ${immediate}`);
    const session = sessionOf(facts, live.sessionId);
    const noticedMs = immediate ? 0 : session.renewedAtMs + session.ttlMs;
    // The delay the hold was taken with runs from now: `accept` sees to it.
    return [{ ...prediction, remaining: { fromMs: noticedMs, untilMs: noticedMs } }];
  }
  const delay = [...facts.delays.values()].find(
    ({ hold }) => hold.token === token && hold.targets.some((target) => target.key === key),
  );
  if (delay !== undefined) {
    if (immediate) return [say(`forced ${delay.hold.id}`, `unblocked ${delay.hold.id}`)];
    return [{ ...say(`forced ${delay.hold.id}`), remaining: delayEnds(delay) }];
  }
  for (const { over } of facts.sessions.values()) {
    for (const [holdId, { how, keys, tokens }] of over)
      if (how === "FORCE_RELEASED" && keys.includes(key) && tokens.at(-1) === token)
        return [say(`forced ${holdId}`)];
  }
  if (holders.length === 0) return [refuse("TOKEN_MISMATCH 0")];
  return holders.map((hold) => refuse(`TOKEN_MISMATCH ${hold.token}`));
}

function predictRevoke(facts: Facts, { sessionId }: CallOf<"revoke">): Prediction {
  const session = facts.sessions.get(sessionId);
  if (session === undefined) return refuse("NO_SUCH_SESSION");
  if (session.life !== "ACTIVE") return say(`revoked ${session.life}`);
  return say("revoked REVOKED", ...losing(facts, session, "SESSION_REVOKED"));
}

/** What the end of a session against its client's wish must bring with it. */
function losing(facts: Facts, session: ModelSession, reason: string): string[] {
  const events = [`ended ${session.id}`];
  for (const { id, sessionId } of facts.tickets.values())
    if (sessionId === session.id) events.push(`unqueued ${id}`);
  for (const { id, sessionId } of facts.holds.values())
    if (sessionId === session.id) events.push(`lost ${id} ${reason} false`);
  return events;
}

function predictClear(facts: Facts, { subject, name, revision }: CallOf<"clear">): Prediction {
  const inForce = (subject === "key" ? facts.quarantinedKeys : facts.quarantined).get(name);
  if (inForce === undefined) return say("cleared");
  return inForce.revision === revision
    ? say("cleared", `cleared ${subject} ${name}`)
    : refuse("VERSION_MISMATCH");
}

function predictQuarantine(facts: Facts, { principal }: CallOf<"quarantine">): Prediction {
  const inForce = facts.quarantined.get(principal);
  if (inForce !== undefined) return say(`quarantined ${inForce.revision}`);
  return say("quarantined new", `quarantined ${principal} false`);
}

function predictSetPolicy(facts: Facts, call: CallOf<"setPolicy">): Prediction {
  const { prefix, policy, version } = call;
  const [before, after] = [facts.policyVersion, version + 1n];
  if (version === before) return say(`policy ${after}`, `policy ${prefix} ${after}`);
  const inForce = JSON.stringify(facts.policies.get(prefix)) === JSON.stringify(policy);
  return before === after && inForce ? say(`policy ${before}`) : refuse("VERSION_MISMATCH");
}

function predictConfigure(facts: Facts, { settings, version }: CallOf<"configure">): Prediction {
  const [before, after] = [facts.settingsVersion, version + 1n];
  if (version === before) return say(`settings ${after}`, `settings ${after}`);
  const inForce = JSON.stringify(facts.settings) === JSON.stringify(settings);
  return before === after && inForce ? say(`settings ${before}`) : refuse("VERSION_MISMATCH");
}

function predictCheckFence(
  facts: Facts,
  { key, token }: CallOf<"checkFence">,
  { revision }: Moment,
): Prediction {
  if (holdersOf(facts, key).some((hold) => hold.token === token)) return say("fence CURRENT");
  return say(token > revision ? "fence UNKNOWN" : "fence STALE");
}
