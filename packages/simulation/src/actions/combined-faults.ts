import { SessionState } from "@lockstep/protocol";
import { attempt } from "../clients/attempt.ts";
import { WIRES, type WireName } from "../clients/client-host.ts";
import type { World } from "../run/world.ts";
import { type ActionKind, kind, someClient } from "./kind.ts";

/** Faults that are only dangerous together and at the right moment, by name. */
export const COMBINED_FAULTS: Readonly<Record<string, ActionKind>> = {
  repliesOutliveServer: kind({
    weight: 1,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      wire: chance.pick(WIRES),
      forMs: chance.pick([300, 1_000, 4_000]),
      afterMs: chance.pick([50, 250, 900]),
      downMs: chance.pick([1, 20, 500]),
      lostBatches: chance.pick([-1, 0, 1, 3]),
    }),
    apply: (world, { client, wire, forMs, afterMs, downMs, lostBatches }) => {
      world.client(client).life?.wires[wire as WireName].stall(forMs);
      world.wrongAt(world.scheduler.nowMs + afterMs, () => {
        if (lostBatches < 0) world.killServer(downMs, 1, false);
        else world.restoreBackup(downMs, lostBatches);
      });
    },
  }),
  // The renewal reaches a server that stands still, just before the session would expire.
  renewalMeetsExpiry: kind({
    weight: 1,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      pauseBeforeMs: chance.pick([10, 60, 95]),
      arrivesBeforeMs: chance.pick([-150, 2, 30]),
      pauseMs: chance.pick([120, 400, 2_000]),
    }),
    apply: (world, { client, pauseBeforeMs, arrivesBeforeMs, pauseMs }) => {
      const dueMs = dueOf(world, client);
      const { life } = world.client(client);
      if (dueMs === undefined || life === undefined) return;
      for (const name of WIRES) life.wires[name].delayUp(dueMs - arrivesBeforeMs);
      world.wrongAt(dueMs - pauseBeforeMs, () => {
        const { process } = world.server;
        process?.pause(false);
        world.marks.hit("server stands still while a session is due");
        world.scheduler.in(pauseMs, () => process?.resume());
      });
    },
  }),
  // A hold is taken while the disk stalls; the renewal in between is told nothing of it, the next never comes.
  lossMeetsRenewal: kind({
    weight: 1,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      operator: someClient(chance, config),
      stallMs: chance.pick([900, 2_500]),
      cutMs: chance.pick([5_000, 16_000]),
    }),
    apply: (world, { client, operator, stallMs, cutMs }) => {
      const { life } = world.client(client);
      const hold = [...world.checker.history.ledger.holds.values()].find(
        ({ to, sessionId }) => to === undefined && sessionId === sessionOf(world, client),
      );
      const [target] = hold?.targets ?? [];
      const token = hold?.tokens.at(-1)?.token;
      if (target === undefined || token === undefined) return;
      world.disk.stall(stallMs);
      world.client(operator).run("take a lock away", ({ client: admin }) =>
        attempt(world, async () => {
          const { key } = target;
          const reason = "the simulation wants it";
          await admin.forceRelease({ key, expectedToken: token, reason });
        }),
      );
      world.wrongAt(world.scheduler.nowMs + stallMs - 20, () => {
        for (const name of WIRES) life?.wires[name].partition(cutMs);
        world.marks.hit("client cut off before it hears of a loss");
      });
    },
  }),
};

/** The session of the process that a client runs now. */
function sessionOf(world: World, client: number): bigint | undefined {
  const name = world.client(client).life?.name;
  const sessions = [...world.checker.history.ledger.sessions.values()];
  return sessions.findLast(
    ({ displayName, state }) => displayName === name && state === SessionState.ACTIVE,
  )?.id;
}

function dueOf(world: World, client: number): number | undefined {
  const sessionId = sessionOf(world, client);
  return sessionId === undefined ? undefined : world.checker.leases.dueMs(sessionId);
}
