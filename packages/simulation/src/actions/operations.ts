import { attempt } from "../clients/attempt.ts";
import { sleep } from "../clients/client-host.ts";
import { readOnce } from "../clients/reading.ts";
import { releaseStale } from "../clients/stale-release.ts";
import { watchFor } from "../clients/watching.ts";
import { type ActionKind, KEYS, kind, someClient } from "./kind.ts";
import { LOCK_OPERATIONS } from "./lock-operations.ts";
import { OPERATOR_OPERATIONS } from "./operator-operations.ts";

/** What clients do, by name. */
export const OPERATIONS: Readonly<Record<string, ActionKind>> = {
  ...LOCK_OPERATIONS,
  ...OPERATOR_OPERATIONS,
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
          const { checker } = world;
          await life.client.withLock(
            key,
            async (lock) => {
              checker.watch(() => checker.beliefs.handed({ process: life.process, lock }));
              await sleep(life.process, forMs);
            },
            { waitMs: 10_000 },
          );
        }),
      ),
  }),
  releaseStale: kind({
    weight: 2,
    draw: (chance, config) => ({ client: someClient(chance, config), which: chance.whole(0, 5) }),
    apply: (world, { client, which }) =>
      world
        .client(client)
        .run("release what is not its own", (life) =>
          attempt(world, () => releaseStale(world, life, which)),
        ),
  }),
  read: kind({
    weight: 4,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(KEYS),
      what: chance.pick([
        "getLock",
        "listLocks",
        "listSessions",
        "listEvents",
        "checkFence",
        "waitGraph",
      ]),
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
