import { attempt } from "../clients/attempt.ts";
import { appendOnce, type Write } from "../replicas/appending.ts";
import { type ActionKind, kind, someClient, someReplica } from "./kind.ts";

/** What writers and readers of a dataset do, by name. */
export const DATASET_OPERATIONS: Readonly<Record<string, ActionKind>> = {
  append: kind({
    weight: 8,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      changes: chance.pick([1, 1, 2, 5]),
      deletes: chance.yes(0.3),
      bytes: chance.pick([3, 40, 2_000]),
      quorum: chance.pick([0, 0, 1, 2, 3]),
      all: chance.yes(0.1),
      timeoutMs: chance.pick([500, 3_000]),
      again: chance.yes(0.2),
      since: chance.yes(0.5),
      poison: chance.yes(0.04),
      key: -1,
    }),
    apply: (world, write) => {
      const { client } = write;
      world
        .client(client)
        .run("append", (life) => attempt(world, () => appendOnce(world, life, write as Write)));
    },
  }),
  readReplica: kind({
    weight: 3,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      level: chance.pick(["STRONG", "BOUNDED", "EVENTUAL"]),
    }),
    apply: (world, { replica, level }) => world.replica(replica).read(level as "STRONG"),
  }),
};
