import { attempt } from "../clients/attempt.ts";
import { appendOnce, keyName, PLAIN_WRITE, ROW_KEYS } from "../replicas/appending.ts";
import { FRAME_FAULTS, type FrameFault } from "../replicas/frames.ts";
import { plainRead, readOwnWrite } from "../replicas/reading.ts";
import { REPLICA_WIRES } from "../replicas/replica-life.ts";
import type { World } from "../run/world.ts";
import { type ActionKind, kind, someClient, someReplica } from "./kind.ts";

const HOT_WRITES = 12;
const HOT_WRITE = { ...PLAIN_WRITE, changes: 1, bytes: 40 };
const BACK_AFTER_MS = 100;

/** What goes wrong at a replica at the one moment at which it matters, by name. */
export const COMBINED_REPLICA_FAULTS: Readonly<Record<string, ActionKind>> = {
  // It has lost everything, and dies while it takes the snapshot: at one chunk, or at each up to there.
  killReplicaAtChunk: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      chunk: chance.whole(1, 4),
      each: chance.yes(0.5),
    }),
    apply: (world, { replica, chunk, each }) => {
      const host = world.replica(replica);
      host.loseDisk();
      host.start();
      const chunks = Array.from({ length: chunk }, (_, at) => at + 1);
      dieAtChunks(world, replica, each ? chunks : [chunk], 0);
    },
  }),
  // What it has applied it acknowledges into a connection that is dead; or the answer is lost. Then nothing is heard.
  loseAckThenSilence: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      up: chance.yes(0.5),
      forMs: chance.pick([1_000, 5_000, 14_000]),
    }),
    apply: (world, { replica, up, forMs }) => {
      const host = world.replica(replica);
      host.onNextCommit(() => {
        const { wires } = host.life ?? {};
        if (wires?.control.halfOpen(up ? "up" : "down"))
          world.marks.hit(up ? "ack lost, then silence" : "answer to an ack lost, then silence");
        wires?.bulk.partition(forMs);
      });
    },
  }),
  // A row is wrong, and what is asked and told to repair it gets lost, comes twice and in another order.
  repairInTrouble: kind({
    weight: 2,
    draw: (chance, config) => ({
      replica: someReplica(chance, config),
      client: someClient(chance, config),
      how: chance.pick(["missing", "divergent", "extra"]),
      key: chance.whole(0, ROW_KEYS - 1),
      fault: chance.pick(FRAME_FAULTS),
      request: chance.yes(0.5),
      everyMs: chance.pick([3, 100]),
    }),
    apply: (world, { replica, client, how, key, fault, request, everyMs }) => {
      const host = world.replica(replica);
      void host.damage(how, keyName(key));
      host.troubleRepair();
      host.frames.fail(fault as FrameFault);
      for (const name of REPLICA_WIRES) {
        host.life?.wires[name].loseNext(request ? "request" : "response");
        host.life?.wires[name].duplicateNext(1);
      }
      world.scheduler.in(10, () => host.check());
      writeAgainAndAgain(world, client, key, everyMs);
    },
  }),
  // Somebody reads at it what it cannot have heard of yet.
  readOwnWriteCutOff: kind({
    weight: 4,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      replica: someReplica(chance, config),
      forMs: chance.pick([700, 3_000, 14_000]),
      waitMs: chance.pick([0, 500, 5_000]),
      beyond: 0,
      level: chance.pick(["STRONG", "BOUNDED", "EVENTUAL"]),
    }),
    apply: (world, { client, replica, forMs, level, ...own }) => {
      const host = world.replica(replica);
      for (const name of REPLICA_WIRES) host.life?.wires[name].partition(forMs);
      const read = async (life: Parameters<typeof appendOnce>[1]) => {
        await readOwnWrite(world, life, host, own);
        host.read(plainRead(level));
      };
      world.client(client).run("read an own write", (life) => attempt(world, () => read(life)));
    },
  }),
  // Its machine sleeps while others write; who asked it meanwhile is answered as it wakes, from rows that have become old.
  readAsleep: kind({
    weight: 4,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      replica: someReplica(chance, config),
      forMs: chance.pick([700, 3_000, 12_000]),
      level: chance.pick(["STRONG", "BOUNDED", "EVENTUAL", "EVENTUAL"]),
    }),
    apply: (world, { client, replica, forMs, level }) => {
      const host = world.replica(replica);
      const process = host.life?.process;
      process?.pause(true);
      world.marks.hit("replica's machine sleeps");
      world.scheduler.in(forMs, () => process?.resume());
      host.read(plainRead(level));
      writeAgainAndAgain(world, client, 0, forMs / HOT_WRITES);
    },
  }),
};

/** A key is written many times. */
export function writeAgainAndAgain(
  world: World,
  client: number,
  key: number,
  everyMs: number,
): void {
  const write = (life: Parameters<typeof appendOnce>[1]) =>
    attempt(world, () => appendOnce(world, life, { ...HOT_WRITE, key }));
  for (let times = 0; times < HOT_WRITES; times += 1)
    world.wrongAt(world.scheduler.nowMs + times * everyMs, () =>
      world.client(client).run("append to a hot key", write),
    );
}

/** A replica dies right after it has stored these chunks of a snapshot, counted over all its lives. */
function dieAtChunks(world: World, replica: number, chunks: readonly number[], had: number): void {
  const host = world.replica(replica);
  const [next] = chunks;
  if (next === undefined) return;
  host.onNextCommit((staged) => {
    const count = staged ? had + 1 : had;
    if (count < next) {
      dieAtChunks(world, replica, chunks, count);
      return;
    }
    host.kill(false);
    world.marks.hit(`replica dies after chunk ${next} of a snapshot`);
    world.scheduler.in(BACK_AFTER_MS, () => {
      host.start();
      if (!world.healed) dieAtChunks(world, replica, chunks.slice(1), count);
    });
  });
}
