import { keyName, ROW_KEYS } from "../replicas/appending.ts";
import { FRAME_FAULTS, type FrameFault } from "../replicas/frames.ts";
import { REPLICA_WIRES, type ReplicaWireName } from "../replicas/replica-life.ts";
import { COMBINED_REPLICA_FAULTS, writeAgainAndAgain } from "./combined-replica-faults.ts";
import { type ActionKind, kind, someClient, someReplica } from "./kind.ts";

const PAUSE_MS = [150, 2_500, 12_000];
const BACK_AFTER_MS = [100, 4_000, 15_000];

/** What goes wrong at a replica and on its way to the server, by name. */
export const REPLICA_FAULTS: Readonly<Record<string, ActionKind>> = {
  ...COMBINED_REPLICA_FAULTS,
  killReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      machineToo: chance.yes(0.3),
      backAfterMs: chance.pick(BACK_AFTER_MS),
    }),
    apply: (world, { replica, machineToo, backAfterMs }) => {
      const host = world.replica(replica);
      host.kill(machineToo);
      world.marks.hit("replica dies");
      world.scheduler.in(backAfterMs, () => host.start());
    },
  }),
  // Its transaction is committed, and nobody was told.
  killReplicaAtCommit: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      backAfterMs: chance.pick(BACK_AFTER_MS),
    }),
    apply: (world, { replica, backAfterMs }) => {
      const host = world.replica(replica);
      host.onNextCommit((staged) => {
        host.kill(false);
        world.marks.hit(`replica dies between ${staged ? "chunk" : "commit"} and ack`);
        world.scheduler.in(backAfterMs, () => host.start());
      });
    },
  }),
  pauseReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      forMs: chance.pick(PAUSE_MS),
      asleep: chance.yes(0.3),
    }),
    apply: (world, { replica, forMs, asleep }) => {
      const process = world.replica(replica).life?.process;
      process?.pause(asleep);
      world.marks.hit("replica stands still");
      world.scheduler.in(forMs, () => process?.resume());
    },
  }),
  stepReplicaClock: kind({
    weight: 1,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      byMs: chance.pick([-3_600_000, -2_000, 2_000, 20_000]),
    }),
    apply: (world, { replica, byMs }) => {
      const clock = world.replica(replica).life?.process.clock;
      // Set back and stopped by sleep at the same time, no clock of the machine would know how long it slept.
      if (clock === undefined || (byMs < 0 && clock.sleepStopsMonotonic)) return;
      clock.step(byMs);
      world.marks.hit(byMs > 0 ? "replica's clock set forward" : "replica's clock set back");
    },
  }),
  slowReplica: kind({
    weight: 1,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      diskMs: chance.pick([50, 1_000]),
    }),
    apply: (world, { replica, diskMs }) => {
      world.replica(replica).disk.latencyMs = diskMs;
    },
  }),
  // Whatever is applied fails, until the breaker opens and what it probes succeeds again.
  loseDatabaseOfReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      forMs: chance.pick([200, 1_000, 6_000]),
    }),
    apply: (world, { replica, forMs }) => {
      world.replica(replica).loseDatabase(forMs);
      world.marks.hit("replica's database is away");
    },
  }),
  backUpReplica: kind({
    weight: 1,
    draw: (chance, config) => ({ replica: someReplica(chance, config) }),
    apply: (world, { replica }) => void world.replica(replica).backUp(),
  }),
  restoreReplica: kind({
    weight: 1,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      backAfterMs: chance.pick(BACK_AFTER_MS),
    }),
    apply: (world, { replica, backAfterMs }) => {
      const host = world.replica(replica);
      void host.restore();
      world.scheduler.in(backAfterMs, () => host.start());
    },
  }),
  damageReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      how: chance.pick(["missing", "divergent", "extra"]),
    }),
    apply: (world, { replica, how }) => {
      const host = world.replica(replica);
      void host.damage(how);
      world.scheduler.in(10, () => host.check());
    },
  }),
  // Its row is wrong, and is written again and again while it is looked for and repaired.
  damageHotKey: kind({
    weight: 1,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      client: someClient(chance, config),
      how: chance.pick(["missing", "divergent"]),
      key: chance.whole(0, ROW_KEYS - 1),
      everyMs: chance.pick([3, 20, 100]),
    }),
    apply: (world, { replica, client, how, key, everyMs }) => {
      const host = world.replica(replica);
      void host.damage(how, keyName(key));
      world.scheduler.in(10, () => host.check());
      world.marks.hit("row under repair is written");
      writeAgainAndAgain(world, client, key, everyMs);
    },
  }),
  tamperWithFrames: kind({
    weight: 5,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      fault: chance.pick(FRAME_FAULTS),
    }),
    apply: (world, { replica, fault }) => world.replica(replica).frames.fail(fault as FrameFault),
  }),
  cutReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      wire: chance.pick(REPLICA_WIRES),
      serverAfterMs: chance.pick([0, 20, 3_000]),
    }),
    apply: (world, { replica, wire, serverAfterMs }) =>
      world.replica(replica).life?.wires[wire as ReplicaWireName].cut(serverAfterMs),
  }),
  silenceReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      wire: chance.pick(REPLICA_WIRES),
      up: chance.yes(0.5),
    }),
    apply: (world, { replica, wire, up }) =>
      world.replica(replica).life?.wires[wire as ReplicaWireName].halfOpen(up ? "up" : "down"),
  }),
  partitionReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      forMs: chance.pick([300, 2_500, 14_000]),
    }),
    apply: (world, { replica, forMs }) => {
      const { life } = world.replica(replica);
      for (const name of REPLICA_WIRES) life?.wires[name].partition(forMs);
    },
  }),
  loseOfReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      wire: chance.pick(REPLICA_WIRES),
      request: chance.yes(0.4),
    }),
    apply: (world, { replica, wire, request }) =>
      world
        .replica(replica)
        .life?.wires[wire as ReplicaWireName].loseNext(request ? "request" : "response"),
  }),
  duplicateOfReplica: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      wire: chance.pick(REPLICA_WIRES),
      afterMs: chance.pick([1, 300, 4_000]),
    }),
    apply: (world, { replica, wire, afterMs }) =>
      world.replica(replica).life?.wires[wire as ReplicaWireName].duplicateNext(afterMs),
  }),
};
