import type { Random } from "@lockstep/client";
import { ManualClock } from "@lockstep/client/internal";
import { expect } from "vitest";
import type { ReplicaEvent } from "../events.ts";
import type { ReplicateOptions } from "../options.ts";
import { type Replica, replicate } from "../replicate.ts";
import { MemoryStore } from "../store/memory.ts";
import type { MemoryUser } from "../store/memory-tx.ts";
import { FakeAuthority } from "./fake-authority.ts";

/** A replica and a scripted server in a world whose time stands still until it is told to move. */
export interface World {
  readonly clock: ManualClock;
  readonly authority: FakeAuthority;
  /** Starts a replica, on a store of its own unless it is given one. */
  start<Tx = MemoryUser>(options?: Partial<ReplicateOptions<Tx>>): Replica;
  /** Starts one and waits until it has rows. */
  started<Tx = MemoryUser>(options?: Partial<ReplicateOptions<Tx>>): Promise<Replica>;
}

export function world(): World {
  const clock = new ManualClock();
  const authority = new FakeAuthority(clock);
  const start = <Tx>(options: Partial<ReplicateOptions<Tx>> = {}) =>
    replicate<Tx>({
      client: { replication: authority.link },
      dataset: authority.log.dataset,
      replica: "copy",
      store: new MemoryStore() as never,
      schemaVersions: [1],
      clock,
      random: evenRandom(),
      ...options,
    });
  const started = async <Tx>(options: Partial<ReplicateOptions<Tx>> = {}) => {
    const replica = start(options);
    await clock.settle();
    await replica.ready();
    return replica;
  };
  return { clock, authority, start, started };
}

/** Lets time pass until something is so. */
export async function until(clock: ManualClock, holds: () => boolean, maxMs = 300_000) {
  for (let ms = 0; ; ms += 50) {
    await clock.settle();
    if (holds()) return;
    if (ms >= maxMs) throw new Error("it did not come to that");
    await clock.advance(50);
  }
}

/** The replica has everything, its rows are the server's, and the server knows. */
export async function expectEqual({ clock, authority }: World, replica: Replica): Promise<void> {
  await until(clock, () => replica.status().appliedSeq === authority.log.head.seq);
  const { seq } = authority.log.head;
  const checkpoint = authority.log.checkpoints.at(-1);
  if (checkpoint?.seq !== seq) authority.checkpoint();
  await until(clock, () => {
    const { verifiedSeq, state } = replica.status();
    return verifiedSeq === seq && state === "LIVE" && authority.acked.seq === seq;
  });
  const rows = await rowsOf(replica);
  const decoder = new TextDecoder();
  const server = [...authority.log.rows.values()].map(({ key, value }) => [
    decoder.decode(key),
    decoder.decode(value),
  ]);
  expect(rows).toEqual(Object.fromEntries(server));
  expect(replica.status()).toMatchObject({ appliedSeq: seq, state: "LIVE" });
}

/** What a replica says from now on. */
export function eventsOf(replica: Replica): ReplicaEvent[] {
  const events: ReplicaEvent[] = [];
  void (async () => {
    for await (const event of replica.events()) events.push(event);
  })();
  return events;
}

/** All rows of a replica, as texts. */
export async function rowsOf(replica: Replica): Promise<Record<string, string>> {
  const { rows } = await replica.scan({ freshness: { level: "EVENTUAL" }, limit: 10_000 });
  const decoder = new TextDecoder();
  return Object.fromEntries(
    rows.map(({ key, value }) => [decoder.decode(key), decoder.decode(value)]),
  );
}

/** No jitter; bytes count up. */
function evenRandom(): Random {
  return {
    fraction: () => 1 - Number.EPSILON,
    bytes: (length) => new Uint8Array(length).fill(seeds++ % 256),
  };
}

let seeds = 1;
