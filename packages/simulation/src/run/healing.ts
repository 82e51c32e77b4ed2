import {
  type Lock,
  NotGrantedError,
  ServerUnreachableError,
  SessionLostError,
} from "@lockstep/client";
import { SessionState } from "@lockstep/protocol";
import { KEYS } from "../actions/kind.ts";
import { undoAll } from "../actions/operator-operations.ts";
import { type ClientHost, type Life, sleep } from "../clients/client-host.ts";
import { replicasBecomeEqual } from "./healing-replicas.ts";
import type { World } from "./world.ts";

/** How long after healing everything that was under way may take, milliseconds of true time. */
const ENDS_WITHIN_MS = 90_000;
/** How long a fresh wish for a lock may take then. */
const GRANTED_WITHIN_MS = 60_000;
/** How long it takes at most until sessions of dead clients have expired. */
const EXPIRED_WITHIN_MS = 40_000;

/** The second half of a run: nothing goes wrong any more, and progress is demanded. */
export async function healAndDemandProgress(world: World): Promise<void> {
  const { scheduler, checker } = world;
  const failed = () => checker.violation !== undefined;
  world.heal();
  const healedAt = checker.history.tail;
  // What stood still goes on first.
  await scheduler.run(scheduler.nowMs + 1, failed);
  const under = () => world.clients.flatMap(({ life }) => [...(life?.open.values() ?? [])]);
  await scheduler.run(scheduler.nowMs + ENDS_WITHIN_MS, () => failed() || under().length === 0);
  if (failed()) return;
  if (under().length > 0) {
    checker.fail("everything ends after healing", `still under way: ${under().join(", ")}`);
    return;
  }
  for (const client of world.clients) client.start();
  await operatorsTidyUp(world);
  if (failed()) return;
  await replicasBecomeEqual(world);
  if (failed()) return;
  await everyoneGetsEveryLock(world, healedAt);
  if (failed()) return;
  await everyoneLeaves(world);
  if (failed()) return;
  await nothingIsLeft(world);
}

/** Quarantines are cleared, policies and settings are those of the beginning. */
async function operatorsTidyUp(world: World): Promise<void> {
  let done = false;
  const operator = world.clients[0] as ClientHost;
  operator.run("tidy up", async (life) => {
    await tidyUp(life);
    done = true;
  });
  await runUntil(world, GRANTED_WITHIN_MS, () => done, "operators tidy up");
}

/** Until it is done: an attempt may still meet a connection of which the client does not know that it is dead. */
async function tidyUp(life: Life): Promise<void> {
  for (;;) {
    try {
      return await undoAll(life);
    } catch (error) {
      if (!(error instanceof ServerUnreachableError)) throw error;
      await sleep(life.process, 100);
    }
  }
}

/** Each client takes each lock once more. */
async function everyoneGetsEveryLock(world: World, healedAt: bigint): Promise<void> {
  let granted = 0;
  const take = async (life: Life) => {
    for (const key of KEYS) {
      const lock = await taken(world, life, key, healedAt);
      world.checker.trace(`${life.name} got ${key} ${lock.token}`);
      await lock.release();
      granted += 1;
    }
  };
  for (const client of world.clients) client.run("take every lock", take);
  const wanted = world.clients.length * KEYS.length;
  await runUntil(
    world,
    GRANTED_WITHIN_MS,
    () => granted === wanted,
    "every client gets every lock",
  );
}

/** How no session ends whose client and server are well. */
const IN_TIME: ReadonlySet<string> = new Set(["DEADLINE_PASSED", "SESSION_EXPIRED"]);

/** A session from before the healing may have used up its time; one that was opened since must not. */
async function taken(world: World, life: Life, key: string, healedAt: bigint): Promise<Lock> {
  for (;;) {
    try {
      return await life.client.acquire(key, { waitMs: GRANTED_WITHIN_MS });
    } catch (error) {
      if (error instanceof NotGrantedError && error.reason.endsWith("_QUARANTINED")) {
        // Somebody who had died has lost it since.
        await tidyUp(life);
        continue;
      }
      const own = [...world.checker.history.ledger.sessions.values()].filter(
        ({ displayName }) => displayName === life.name,
      );
      const last = own.at(-1);
      const opened = last !== undefined && last.from > healedAt;
      if (!(error instanceof SessionLostError) || (opened && IN_TIME.has(error.reason))) {
        throw error;
      }
    }
  }
}

async function everyoneLeaves(world: World): Promise<void> {
  const lives = world.clients.map(({ life }) => life as Life);
  for (const client of world.clients) client.close();
  const gone = () => world.clients.every(({ life }) => life === undefined);
  await runUntil(world, GRANTED_WITHIN_MS, gone, "every client closes");
  for (const { name, process } of lives) {
    if (process.reasonsToStay === 0) continue;
    world.checker.fail("a closed client holds no process", `${name} wants to stay alive`);
  }
}

/** Once the sessions of the dead have expired, a newcomer finds the namespace empty. */
async function nothingIsLeft(world: World): Promise<void> {
  const { scheduler, checker } = world;
  const { sessions } = checker.history.ledger;
  const ended = () => [...sessions.values()].every(({ state }) => state !== SessionState.ACTIVE);
  await runUntil(world, EXPIRED_WITHIN_MS, ended, "the sessions of the dead expire");
  if (checker.violation !== undefined) return;
  await scheduler.run(scheduler.nowMs + EXPIRED_WITHIN_MS);
  let looked = false;
  const newcomer = world.clients[0] as ClientHost;
  newcomer.start();
  newcomer.run("look around", async ({ client }) => {
    const { locks } = await client.listLocks();
    const { sessions: active } = await client.listSessions();
    const counters = (await client.serverInfo()).namespace?.counters;
    const left = [
      locks.length,
      active.length,
      counters?.sessions,
      counters?.holds,
      counters?.waiters,
      counters?.watches,
    ].map(Number);
    if (left.some((count) => count !== 0)) {
      checker.fail("quotas return to zero", `locks, sessions, …: ${left}`);
    }
    looked = true;
  });
  await runUntil(world, GRANTED_WITHIN_MS, () => looked, "a newcomer is answered");
}

async function runUntil(
  { scheduler, checker }: World,
  withinMs: number,
  done: () => boolean,
  what: string,
): Promise<void> {
  const over = () => done() || checker.violation !== undefined;
  await scheduler.run(scheduler.nowMs + withinMs, over);
  if (!done()) checker.fail("everything ends after healing", `within ${withinMs} ms ${what}`);
}
