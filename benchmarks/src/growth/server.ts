import { rmSync } from "node:fs";
import { connect } from "@lockstep/client/node";
import { viewJournal } from "../journal-view.ts";
import { holdLocks, openSessions } from "../load/sessions.ts";
import { measure } from "../locks/measure.ts";
import { type ServerProcess, startServerProcess } from "../server-process.ts";
import { median } from "../statistics.ts";
import { pass, within } from "../time.ts";
import { type Point, type Series, seriesOf } from "./series.ts";

const CALLERS = 64;
// Below the server's limit of locks for one session.
const HELD_PER_SESSION = 1_000;
// A snapshot as early as possible, and then none: everything after it is replayed.
const EARLY_SNAPSHOT_EVENTS = 1_000;
const NO_SNAPSHOT_EVENTS = 1_000_000_000;
const SNAPSHOT_MS_MAX = 60_000;
const CALLERS_THAT_FILL = 256;

/** How much is done for a figure. */
export interface Effort {
  /** Measurings at each size; the figure is the median. */
  readonly rounds: number;
  /** How long cycles are measured in a round, milliseconds. */
  readonly durationMs: number;
}

/** The cost of one acquire and release through client, network, disk and all, while other locks are held. */
export async function cyclesOfServer(
  sizes: readonly number[],
  { rounds, durationMs }: Effort,
): Promise<Series> {
  const server = await startServerProcess({ probed: true });
  const client = connect({ address: server.address });
  try {
    const cycle = async (caller: number) => {
      const lock = await client.acquire(`hot/${caller}`);
      await lock.release();
    };
    const points: Point[] = [];
    let held = 0;
    for (const size of sizes) {
      await hold(server, held, size);
      held = size;
      const costsUs: number[] = [];
      // The first one warms up.
      for (let round = 0; round <= rounds; round++) {
        const before = await server.usage({ collect: false });
        const { cycles } = await measure(CALLERS, durationMs, cycle);
        const { cpuMs } = await server.usage({ collect: false });
        if (round > 0) costsUs.push(((cpuMs - before.cpuMs) / cycles) * 1_000);
      }
      points.push({ size, value: median(costsUs) });
    }
    const name = `acquire and release of a free lock, ${CALLERS} callers`;
    return seriesOf({ name, grows: "held locks", of: "server", unit: "µs", bound: "flat" }, points);
  } finally {
    await client.close();
    await server.stop();
  }
}

async function hold(server: ServerProcess, from: number, to: number): Promise<void> {
  const keys = Array.from({ length: to - from }, (_, at) => `held/${from + at}`);
  const sessions = await openSessions(server.address, Math.ceil(keys.length / HELD_PER_SESSION));
  const shares = sessions.map((session, place) => ({
    session,
    keys: keys.slice(place * HELD_PER_SESSION, (place + 1) * HELD_PER_SESSION),
  }));
  await holdLocks(server.address, shares);
}

/** How long a killed server takes to start again, with so many events after its snapshot. */
export async function recoveries(
  sizes: readonly number[],
  { rounds }: Pick<Effort, "rounds">,
): Promise<Series> {
  let server = await startServerProcess({ flags: snapshotAfter(EARLY_SNAPSHOT_EVENTS) });
  const { folder } = server;
  const restart = async () => {
    await server.kill();
    server = await startServerProcess({ folder, flags: snapshotAfter(NO_SNAPSHOT_EVENTS) });
  };
  try {
    await makeEvents(server, 2 * EARLY_SNAPSHOT_EVENTS);
    const { snapshotRevision } = await snapshotOf(folder);
    await restart();
    const points: Point[] = [];
    for (const size of sizes) {
      const revision = await revisionOf(server);
      await makeEvents(server, size - (revision - snapshotRevision));
      const startsMs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await restart();
        startsMs.push(server.startMs);
      }
      points.push({ size, value: median(startsMs) });
    }
    const name = "start after a kill";
    const grows = "events after the snapshot";
    return seriesOf({ name, grows, of: "server", unit: "ms", bound: "n log n" }, points);
  } finally {
    await server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function snapshotAfter(events: number): string[] {
  return ["--snapshot-events", String(events)];
}

async function snapshotOf(folder: string) {
  const made = async () => {
    for (;;) {
      const view = viewJournal(folder);
      if (view.snapshotRevision > 0) return view;
      await pass(10);
    }
  };
  return await within(SNAPSHOT_MS_MAX, "the first snapshot", made());
}

async function revisionOf({ address }: ServerProcess): Promise<number> {
  const client = connect({ address });
  try {
    return Number((await client.serverInfo()).namespace?.revision);
  } finally {
    await client.close();
  }
}

/** Makes at least so many events: of every cycle two. */
async function makeEvents({ address }: ServerProcess, count: number): Promise<void> {
  const client = connect({ address });
  let left = Math.ceil(count / 2);
  const caller = async (_: unknown, number: number) => {
    while (left-- > 0) await (await client.acquire(`filling/${number}`)).release();
  };
  try {
    await Promise.all(Array.from({ length: CALLERS_THAT_FILL }, caller));
  } finally {
    await client.close();
  }
}
