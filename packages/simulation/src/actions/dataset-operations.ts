import { attempt } from "../clients/attempt.ts";
import { appendFenced, appendOnce, type FencedWrite, type Write } from "../replicas/appending.ts";
import { changePolicy, deleteDataset } from "../replicas/dataset-care.ts";
import { type ReadWish, readAtServer, readOwnWrite } from "../replicas/reading.ts";
import { type ActionKind, kind, someClient, someReplica } from "./kind.ts";

/** The locks that a policy may name for fences: few, so that their holders write. */
export const FENCE_KEYS = ["a", "b"] as const;

/** What writers and readers of a dataset do, by name. */
export const DATASET_OPERATIONS: Readonly<Record<string, ActionKind>> = {
  append: kind({
    weight: 8,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      changes: chance.pick([1, 1, 2, 5]),
      deletes: chance.yes(0.3),
      bytes: chance.pick([3, 40, 2_000]),
      quorum: chance.pick([0, 0, -1, 1, 2, 3]),
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
  appendFenced: kind({
    weight: 3,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      lock: config.dataset.fenceKey || chance.pick(FENCE_KEYS),
      token: chance.pick(["held", "held", "held", "stale", "guessed"]),
      holdMs: chance.pick([0, 200, 2_000]),
      changes: chance.pick([1, 3]),
      deletes: false,
      bytes: 40,
      quorum: chance.pick([0, 0, 1]),
      all: false,
      timeoutMs: 500,
      again: chance.yes(0.5),
      since: false,
      poison: false,
      key: -1,
    }),
    apply: (world, write) => {
      const { client } = write;
      world
        .client(client)
        .run("append with a fence", (life) =>
          attempt(world, () => appendFenced(world, life, write as FencedWrite)),
        );
    },
  }),
  changePolicy: kind({
    weight: 1,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      quorum: chance.pick([0, 1, 2]),
      all: chance.yes(0.2),
      minInSync: chance.pick([0, 0, 1]),
      fenceKey: chance.pick(["", config.dataset.fenceKey, ...FENCE_KEYS]),
      fenceRequired: chance.yes(0.3),
      checkpointChanges: chance.pick([1, 5, 10_000]),
      retentionChanges: chance.pick([0, 5]),
    }),
    apply: (world, { client, ...policy }) => {
      world
        .client(client)
        .run("change the policy", (life) =>
          attempt(world, () => changePolicy(life.client, { ...world.config.dataset, ...policy })),
        );
    },
  }),
  deleteDataset: kind({
    weight: 0.25,
    draw: (chance, config) => ({ client: someClient(chance, config) }),
    apply: (world, { client }) => {
      world
        .client(client)
        .run("delete the dataset", (life) => attempt(world, () => deleteDataset(life.client)));
    },
  }),
  readServer: kind({
    weight: 2,
    draw: (chance, config) => ({ client: someClient(chance, config) }),
    apply: (world, { client }) => {
      world
        .client(client)
        .run("read at the server", (life) => attempt(world, () => readAtServer(world, life)));
    },
  }),
  // While changes are under way, and mostly with nothing to find.
  checkReplica: kind({
    weight: 1.5,
    draw: (chance, config) => ({ replica: someReplica(chance, config) }),
    apply: (world, { replica }) => world.replica(replica).check(),
  }),
  readReplica: kind({
    weight: 3,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      level: chance.pick(["STRONG", "BOUNDED", "EVENTUAL"]),
      maxStalenessMs: chance.pick([0, 500, 2_500]),
      waitMs: chance.pick([-1, -1, 1_500]),
    }),
    apply: (world, { replica, ...wish }) =>
      world.replica(replica).read({ ...wish, seq: 0n } as ReadWish),
  }),
  readOwnWrite: kind({
    weight: 3,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      replica: someReplica(chance, config),
      waitMs: chance.pick([0, 500, 5_000]),
      beyond: chance.pick([0, 0, 0, 3]),
    }),
    apply: (world, { client, replica, ...own }) => {
      world
        .client(client)
        .run("read an own write", (life) =>
          attempt(world, () => readOwnWrite(world, life, world.replica(replica), own)),
        );
    },
  }),
};
