import { type Client, ClientClosedError, createClient } from "@lockstep/client";
import { type MemoryUser, type Replica, replicate } from "@lockstep/replica";
import type { Chance } from "../chance.ts";
import { sleep, transportOver } from "../clients/client-host.ts";
import { Renewals } from "../clients/renewals.ts";
import type { Marks } from "../marks/marks.ts";
import { Wire } from "../network/wire.ts";
import type { ReplicaSettings } from "../plan/config.ts";
import type { World } from "../run/world.ts";
import type { SimProcess } from "../time/sim-process.ts";
import type { Frames } from "./frames.ts";
import { projection } from "./projection.ts";
import { type ReplicaDisk, ReplicaStore } from "./replica-store.ts";
import type { ReplicaWatch } from "./replica-watch.ts";

/** The dataset of a run. */
export const DATASET = "orders";
/** The purposes for which a replica has a connection each. */
export const REPLICA_WIRES = ["control", "bulk"] as const;
/** One of them. */
export type ReplicaWireName = (typeof REPLICA_WIRES)[number];

/** How long silence of a connection goes unnoticed, milliseconds. */
const NOTICED_AFTER_MS = 3_000;
/** The time to live of its session, where it keeps one. */
const TTL_MS = 6_000;
const CONNECT_WITHIN_MS = 1_000;
/** How often it is looked whether there is a session. */
const SESSION_LOOKED_AT_MS = 2_000;
const BREAKER_PAUSE_MS = 1_000;
const BREAKER_FAILURES = 3;
/** More than open the breaker, as by default: then its probes decide whether a change is poison. */
const POISON_ATTEMPTS = 4;

/** One life of a replica: a process with the real replica in it. */
export interface ReplicaLife {
  readonly name: string;
  readonly process: SimProcess;
  readonly replica: Replica;
  /** Gives what was parked to the user's code again, whatever the breaker says: a user asks for it. */
  readonly replay: () => Promise<number>;
  readonly client: Client;
  readonly wires: Readonly<Record<ReplicaWireName, Wire>>;
}

/** The machine on which it lives. */
interface Machine {
  readonly name: string;
  readonly settings: ReplicaSettings;
  readonly disk: ReplicaDisk;
  readonly frames: Frames;
  /** Whether what the user's code writes to is away at the moment. */
  readonly isAway: () => boolean;
}

/** Starts the real replica in a process. */
export function startReplica(
  { name, settings, disk, frames, isAway }: Machine,
  world: World,
  process: SimProcess,
  chance: Chance,
  watch: ReplicaWatch,
): ReplicaLife {
  const random = { fraction: () => chance.fraction(), bytes: (n: number) => chance.bytes(n) };
  const clock = process.clientClock();
  const wires = wiresOf(world, process, name);
  const client = clientOver(wires, process, random, world.marks);
  if (settings.attach) void keepSession(client, process);
  const { replication } = client;
  const subscribe: typeof replication.subscribe = (request, signal) =>
    frames.through(replication.subscribe(request, signal));
  const store = new ReplicaStore(disk, process, {
    committed: (loaded, { rows }) => watch.committed(process.name, loaded, rows, disk.memory.user),
  });
  const project = projection({ isAway, failsOnPoison: () => !world.healed });
  let replays = 0;
  const replica: Replica = replicate<MemoryUser>({
    client: { replication: { ...replication, subscribe } },
    dataset: DATASET,
    replica: name,
    store,
    schemaVersions: [1],
    onDrift: "REPAIR",
    // A few rows are a large share of the buckets that are looked into.
    maxBadBucketShare: 1,
    apply: (change, table) => {
      if (replays === 0 && replica.status().breaker === "OPEN")
        world.checker.fail("nothing is tried while the breaker is open", process.name);
      return project(change, table);
    },
    onPoison: settings.parks ? "PARK" : "HALT",
    poisonAttempts: POISON_ATTEMPTS,
    breakerFailures: BREAKER_FAILURES,
    breakerPauseMs: BREAKER_PAUSE_MS,
    clock,
    random,
  });
  const replay = async () => {
    replays += 1;
    try {
      return await replica.replay();
    } finally {
      replays -= 1;
    }
  };
  return { name: process.name, process, client, replica, replay, wires };
}

/** Opens the session of a client, and again when it has ended: only then acks ride on Attach. */
async function keepSession(client: Client, process: SimProcess): Promise<void> {
  for (;;) {
    try {
      await client.ready();
    } catch (error) {
      if (error instanceof ClientClosedError) return;
    }
    await sleep(process, SESSION_LOOKED_AT_MS);
  }
}

function wiresOf({ network }: World, process: SimProcess, principal: string): ReplicaLife["wires"] {
  const wire = () =>
    new Wire(network, process, {
      principal,
      noticedAfterMs: NOTICED_AFTER_MS,
      connectWithinMs: CONNECT_WITHIN_MS,
    });
  return { control: wire(), bulk: wire() };
}

function clientOver(
  { control, bulk }: ReplicaLife["wires"],
  process: SimProcess,
  random: NonNullable<Parameters<typeof createClient>[0]["random"]>,
  marks: Marks,
): Client {
  const renewals = new Renewals(process, marks);
  return createClient({
    transport: transportOver(control, renewals),
    controlTransport: transportOver(control, renewals),
    watchTransport: transportOver(bulk, renewals),
    clock: process.clientClock(),
    random,
    ttlMs: TTL_MS,
    displayName: process.name,
    address: "the simulated server",
  });
}
