import { atMost, type Goal } from "../goal.ts";
import { attachAll, holdLocks, openSessions } from "../load/sessions.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { type ServerProcess, startServerProcess, type Usage } from "../server-process.ts";
import { pass } from "../time.ts";

/** How memory is measured. */
export interface MemoryOptions {
  /** Sessions, all idle at first. */
  readonly sessions: number;
  /** Locks held, shared out among the sessions. */
  readonly holds: number;
  /** How often each session is renewed while its keep-alives are measured: a third of its time to live, milliseconds. */
  readonly keepAliveMs: number;
  /** For how long they are measured, milliseconds. */
  readonly keepAlivesForMs: number;
  /** Told what is being done. */
  readonly progress: (text: string) => void;
}

/** Memory of a server after garbage was collected. */
export type Footprint = Omit<Usage, "cpuMs">;

/** What was measured, with where. */
export interface MemoryReport {
  readonly benchmark: "memory";
  readonly startedAt: string;
  readonly machine: Machine;
  readonly sessions: number;
  readonly holds: number;
  /**
   * A server that has opened a tenth of the sessions, and so has loaded what it needs for that; with all sessions and no
   * connection; with all locks held; started again, with the same locks.
   */
  readonly footprints: Readonly<Record<"warm" | "idle" | "holding" | "restarted", Footprint>>;
  readonly bytesPerIdleSession: number;
  readonly bytesPerHold: number;
  /** From the start of a process until it is ready, milliseconds: on no data, and on all those locks after a kill. */
  readonly startMs: { readonly empty: number; readonly recovery: number };
  /** What the keep-alives of all sessions cost. */
  readonly keepAlives: KeepAlives;
  readonly goals: readonly Goal[];
}

/** What keep-alives cost, each on its own stream. */
interface KeepAlives {
  /** How many were answered per second. */
  readonly perSecond: number;
  /** What the server computed for each, microseconds of a processor. */
  readonly cpuUsEach: number;
  /** The share of one processor for as many as the sessions need, percent: also when this machine could not send as many. */
  readonly cpuPercent: number;
  /** What the server computed with all streams open and nothing on them, percent of a processor. */
  readonly idleCpuPercent: number;
}

const WARM_UP_PARTS = 10;

/**
 * Measures what held locks and idle sessions cost a real server in memory, how long it takes to start again
 * with them, and what renewing all sessions costs.
 */
export async function measureMemory(options: MemoryOptions): Promise<MemoryReport> {
  const { sessions, holds, progress } = options;
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  let server = await startServerProcess({ probed: true });
  try {
    const emptyStartMs = server.startMs;
    progress(`opening ${sessions} sessions`);
    const early = Math.ceil(sessions / WARM_UP_PARTS);
    const all = await openSessions(server.address, early);
    const warm = await footprint(server);
    all.push(...(await openSessions(server.address, sessions - early)));
    const idle = await footprint(server);
    progress(`taking ${holds} locks`);
    const shares = all.map((session, place) => {
      const [from, to] = [place, place + 1].map((at) => Math.floor((at * holds) / sessions));
      const keys = Array.from({ length: Number(to) - Number(from) }, (_, at) =>
        keyOf(Number(from) + at),
      );
      return { session, keys };
    });
    await holdLocks(server.address, shares);
    const holding = await footprint(server);
    progress("killing the server and starting it again");
    await server.kill();
    server = await startServerProcess({ probed: true, folder: server.folder });
    const restarted = await footprint(server);
    progress(`renewing all sessions for ${options.keepAlivesForMs} ms`);
    const keepAlives = await measureKeepAlives(server, all, options);
    const figures = {
      footprints: { warm, idle, holding, restarted },
      bytesPerIdleSession: (idle.usedBytes - warm.usedBytes) / (sessions - early),
      bytesPerHold: (holding.usedBytes - idle.usedBytes) / holds,
      startMs: { empty: emptyStartMs, recovery: server.startMs },
      keepAlives,
    };
    const about = { benchmark: "memory", startedAt, machine, sessions, holds } as const;
    return { ...about, ...figures, goals: goalsOf(figures) };
  } finally {
    await server.stop();
  }
}

/** A key of an ordinary length, such as `orders/0000042/lock`. */
function keyOf(number: number): string {
  return `orders/${String(number).padStart(7, "0")}/lock`;
}

async function footprint(server: ServerProcess): Promise<Footprint> {
  const { usedBytes, residentBytes } = await server.usage({ collect: true });
  return { usedBytes, residentBytes };
}

async function measureKeepAlives(
  server: ServerProcess,
  sessions: Awaited<ReturnType<typeof openSessions>>,
  { keepAliveMs, keepAlivesForMs }: MemoryOptions,
): Promise<KeepAlives> {
  const attached = await attachAll(server.address, sessions);
  try {
    const idle = await cpuOf(server, () => pass(keepAlivesForMs));
    let sent = 0;
    let failure: unknown;
    const underWay: Promise<void>[] = [];
    const renew = async (place: number) => {
      await attached.keepAlive(place).catch((error: unknown) => {
        failure ??= error;
      });
    };
    // Spread evenly, as the clients' own chance spreads them.
    const { elapsedMs, cpuMs } = await cpuOf(server, async (fromMs) => {
      for (let nowMs = 0; nowMs < keepAlivesForMs; nowMs = performance.now() - fromMs) {
        const due = Math.floor((nowMs * sessions.length) / keepAliveMs);
        for (; sent < due; sent++) underWay.push(renew(sent % sessions.length));
        await pass(1);
      }
      await Promise.all(underWay);
    });
    if (failure !== undefined) throw failure;
    return {
      perSecond: (sent / elapsedMs) * 1_000,
      cpuUsEach: (cpuMs / sent) * 1_000,
      cpuPercent: 100 * (cpuMs / sent) * (sessions.length / keepAliveMs),
      idleCpuPercent: (100 * idle.cpuMs) / idle.elapsedMs,
    };
  } finally {
    attached.close();
  }
}

async function cpuOf(server: ServerProcess, work: (fromMs: number) => Promise<void>) {
  const before = await server.usage({ collect: false });
  const fromMs = performance.now();
  await work(fromMs);
  const elapsedMs = performance.now() - fromMs;
  const { cpuMs } = await server.usage({ collect: false });
  return { elapsedMs, cpuMs: cpuMs - before.cpuMs };
}

type Figures = Pick<
  MemoryReport,
  "bytesPerIdleSession" | "bytesPerHold" | "startMs" | "keepAlives"
>;

function goalsOf({ bytesPerIdleSession, bytesPerHold, startMs, keepAlives }: Figures): Goal[] {
  return [
    atMost("gate", "held lock, bytes", bytesPerHold, 1_024),
    atMost("gate", "recovery, ms", startMs.recovery, 10_000),
    atMost("gate", "idle session without its connection, bytes", bytesPerIdleSession, 2_048),
    atMost("gate", "keep-alives, percent of a processor", keepAlives.cpuPercent, 10),
  ];
}
