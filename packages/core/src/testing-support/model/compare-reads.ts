import { SessionState } from "@lockstep/protocol";
import { Client, getLock } from "../client.ts";
import type { World } from "../world.ts";
import { must } from "./accept.ts";
import { KEYS } from "./actions.ts";
import { delaysOf, endOf, type Facts, holderOf, type ModelSession, queueOf } from "./facts.ts";

/** Reads everything a client can read and compares it with what the model knows. */
export function compareReads(world: World, facts: Facts): void {
  for (const key of KEYS) compareKey(world, facts, key);
  must(world.state.sessions.size === facts.sessions.size, "the same sessions are known");
  for (const session of facts.sessions.values()) compareSession(world, facts, session);
}

function compareKey(world: World, facts: Facts, key: string): void {
  const lock = getLock(world, key);
  const holder = holderOf(facts, key);
  must(lock.holders[0]?.holdId === holder?.id, `${key} is held by the same hold`);
  must(lock.holders[0]?.token === holder?.id, `${key} is held with the same token`);
  const queue = queueOf(facts, key).map(({ id }) => id);
  must(
    String(lock.queue.map(({ ticketId }) => ticketId)) === String(queue),
    `${key} has its queue`,
  );
  const delays = delaysOf(facts, key).map((delay) => {
    const remainingMs = Math.max(0, Math.ceil(endOf(delay) - world.monotonicMs));
    return `${delay.hold.id} ${remainingMs}`;
  });
  const shown = lock.delays.map(({ holdId, remainingMs }) => `${holdId} ${remainingMs}`);
  must(String(shown) === String(delays), `${key} is blocked by ${delays}, not ${shown}`);
}

function compareSession(world: World, facts: Facts, session: ModelSession): void {
  const state = world.state.sessions.get(session.id)?.state;
  must(state !== undefined && SessionState[state] === session.life, "a session is as it should be");
  if (session.life !== "ACTIVE") return;
  const caller = { principal: "peer", sessionId: session.id, secretSha256: undefined };
  const reply = new Client(world, caller).get();
  const holds = [...facts.holds.values()].filter(({ sessionId }) => sessionId === session.id);
  const tickets = [...facts.tickets.values()].filter(({ sessionId }) => sessionId === session.id);
  const shown = [
    ...reply.holds.map(({ holdId, requestId, owner }) => `${holdId} ${requestId} ${owner}`),
    ...reply.tickets.map(
      ({ queued, requestId, owner }) => `${queued?.ticketId} ${requestId} ${owner}`,
    ),
  ];
  const expected = [...holds, ...tickets].map(
    ({ id, requestId, owner }) => `${id} ${requestId} ${owner}`,
  );
  must(String(shown) === String(expected), "GetSession lists all holds and tickets");
  const remainingMs = Math.max(
    0,
    Math.ceil(session.renewedAtMs + session.ttlMs - world.monotonicMs),
  );
  must(reply.session?.remainingMs === BigInt(remainingMs), "a session has its time");
}
