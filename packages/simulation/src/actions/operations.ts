import { LockMode } from "@lockstep/protocol";
import { attempt } from "../clients/attempt.ts";
import { readOnce } from "../clients/reading.ts";
import { useLock } from "../clients/use-lock.ts";
import { watchFor } from "../clients/watching.ts";
import { type ActionKind, KEYS, kind, someClient } from "./kind.ts";

/** What clients do, by name. */
export const OPERATIONS: Readonly<Record<string, ActionKind>> = {
  lock: kind({
    weight: 12,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(KEYS),
      waitMs: chance.pick([0, 200, 3_000, 20_000]),
      holdMs: chance.pick([0, 50, 500, 4_000]),
      writes: chance.whole(0, 3),
      owner: chance.pick(["", "", "", "first", "second"]),
      cancelAfterMs: chance.yes(0.25) ? chance.pick([0, 5, 100, 2_000]) : -1,
    }),
    apply: (world, { client, ...wish }) =>
      world.client(client).run(`lock ${wish.key}`, (life) => useLock(world, life, wish)),
  }),
  withLock: kind({
    weight: 3,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(KEYS),
      forMs: chance.pick([0, 100, 2_000]),
    }),
    apply: (world, { client, key, forMs }) =>
      world.client(client).run(`with ${key}`, (life) =>
        attempt(world, async () => {
          await life.client.withLock(
            key,
            async (lock) => {
              world.checker.beliefs.handed({
                process: life.process,
                lock,
                mode: LockMode.EXCLUSIVE,
              });
              await new Promise<void>((resolve) => life.process.after(forMs, resolve));
            },
            { waitMs: 10_000 },
          );
        }),
      ),
  }),
  forceRelease: kind({
    weight: 2,
    draw: (chance, config) => ({ client: someClient(chance, config), key: chance.pick(KEYS) }),
    apply: (world, { client, key }) =>
      world.client(client).run(`force-release ${key}`, (life) =>
        attempt(world, async () => {
          const { lock } = await life.client.getLock(key);
          const [holder] = lock?.holders ?? [];
          if (holder === undefined) return;
          await life.client.forceRelease({
            key,
            expectedToken: holder.token,
            reason: "the simulation wants it",
          });
          world.marks.hit("forced release");
        }),
      ),
  }),
  read: kind({
    weight: 4,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(KEYS),
      what: chance.pick(["getLock", "listLocks", "listSessions", "listEvents", "checkFence"]),
    }),
    apply: (world, { client, key, what }) =>
      world
        .client(client)
        .run(what, (life) => attempt(world, () => readOnce(world, life, what, key))),
  }),
  watch: kind({
    weight: 1,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(["", ...KEYS]),
      forMs: chance.pick([2_000, 10_000]),
      slowMs: chance.pick([0, 0, 1_500]),
    }),
    apply: (world, { client, key, forMs, slowMs }) =>
      world
        .client(client)
        .run(`watch ${key}`, (life) =>
          attempt(world, () => watchFor(world, life, key, forMs, slowMs)),
        ),
  }),
  closeClient: kind({
    weight: 0.5,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      backAfterMs: chance.pick([100, 3_000]),
    }),
    apply: (world, { client, backAfterMs }) => {
      world.client(client).close();
      world.scheduler.in(backAfterMs, () => world.client(client).start());
    },
  }),
};
