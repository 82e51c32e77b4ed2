import { connect } from "@lockstep/client/node";
import { type Point, type Series, seriesOf } from "../growth/series.ts";
import { measure } from "../locks/measure.ts";
import { startServerProcess } from "../server-process.ts";
import { median } from "../statistics.ts";
import { fill, rowOf } from "./large-logs.ts";
import { appendTo, makeDataset } from "./lockstep.ts";

const DATASET = "growing";
const CALLERS = 64;
// Coprime to every size that is a power of ten: the rows that are replaced lie everywhere.
const STRIDE = 7_919;

/** How much is done for a figure. */
interface Effort {
  readonly rounds: number;
  readonly durationMs: number;
}

/** What replacing a row costs a server with so many rows, and how long it takes to start with them after a kill. */
export async function growth(sizes: readonly number[], effort: Effort): Promise<Series[]> {
  let server = await startServerProcess({ probed: true });
  const { folder } = server;
  const costs: Point[] = [];
  const starts: Point[] = [];
  try {
    let rows = 0;
    for (const size of sizes) {
      await addRows(server.address, rows, size);
      rows = size;
      costs.push({ size, value: await costOfAppend(server, size, effort) });
      const startsMs: number[] = [];
      for (let round = 0; round < effort.rounds; round++) {
        await server.kill();
        server = await startServerProcess({ probed: true, folder });
        startsMs.push(server.startMs);
      }
      starts.push({ size, value: median(startsMs) });
    }
  } finally {
    await server.stop();
  }
  const about = { grows: "rows", of: "server" } as const;
  const append = `append that replaces a row, ${CALLERS} callers`;
  return [
    seriesOf({ ...about, name: append, unit: "µs", bound: "log n" }, costs),
    seriesOf({ ...about, name: "start after a kill", unit: "ms", bound: "n log n" }, starts),
  ];
}

async function addRows(address: string, from: number, to: number): Promise<void> {
  const client = connect({ address });
  try {
    if (from === 0) await makeDataset(client, DATASET);
    await fill(to - from, (entries) =>
      appendTo(
        client,
        DATASET,
        entries.map(({ key, value }) => ({ key: moved(key, from), value })),
      ),
    );
  } finally {
    await client.close();
  }
}

/** The key of the row so many places further. */
function moved(key: string, by: number): string {
  return rowOf(Number(key.slice("row/".length)) + by).key;
}

async function costOfAppend(
  server: Awaited<ReturnType<typeof startServerProcess>>,
  rows: number,
  { rounds, durationMs }: Effort,
): Promise<number> {
  const client = connect({ address: server.address });
  const costsUs: number[] = [];
  let next = 0;
  try {
    // The first one warms up.
    for (let round = 0; round <= rounds; round++) {
      const before = await server.usage({ collect: false });
      const { cycles } = await measure(CALLERS, durationMs, async () => {
        next = (next + STRIDE) % rows;
        await appendTo(client, DATASET, [rowOf(next)]);
      });
      const after = await server.usage({ collect: false });
      if (round > 0) costsUs.push(((after.cpuMs - before.cpuMs) / cycles) * 1_000);
    }
    return median(costsUs);
  } finally {
    await client.close();
  }
}
