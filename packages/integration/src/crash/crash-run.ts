import { type Client, connect } from "@lockstep/client/node";
import { FenceGuard } from "@lockstep/protocol";
import { eventually } from "../eventually.ts";
import { allEvents } from "../history/all-events.ts";
import { LockHistory } from "../history/lock-history.ts";
import { ServerProcess } from "../processes/server-process.ts";
import { realTime } from "../real-time.ts";
import { LoadClient } from "./load-client.ts";
import { Numbers } from "./numbers.ts";
import { Records } from "./records.ts";
import { Silence } from "./silence.ts";
import { unlessStuck } from "./stuck.ts";
import type { RunResult } from "./verdict.ts";

/** How large a run is. */
export interface CrashPlan {
  /** Clients with a session each. */
  readonly clients: number;
  /** How often the server is killed. */
  readonly kills: number;
  /** Which plan: who wants what, and when the server is killed. */
  readonly seed: number;
}

// The server is killed after the clients have got somewhere, so that a slow machine makes the run longer, not different.
const GRANTS_BEFORE_KILL_MIN = 20;
const GRANTS_BEFORE_KILL_MAX = 400;
const DOWN_MS_MAX = 300;
// Ten times as long as the server is up between two kills: a client that reconnects just too late for some of them in a row
// has still renewed in time.
const TTL_MS = 30_000;
// Longer than any machine takes on which it makes sense to wait for the end.
const CONNECT_TIMEOUT_MS = 120_000;
// Whoever was never left without an answer for longer has had time to renew, over several connections if need be.
const SILENCE_MS_MAX = TTL_MS / 10;

/**
 * Clients take and give back locks while the server is killed and started again.
 * @param tell hears how far it is
 */
export async function crashRun(
  plan: CrashPlan,
  tell: (progress: string) => void,
): Promise<RunResult> {
  const server = await ServerProcess.start();
  try {
    return await onServer(server, plan, tell);
  } catch (error) {
    throw new Error(`the run was cut short; the server had said:\n${server.log}`, { cause: error });
  } finally {
    await server.remove();
  }
}

async function onServer(
  server: ServerProcess,
  { clients: count, kills, seed }: CrashPlan,
  tell: (progress: string) => void,
): Promise<RunResult> {
  const records = new Records();
  const shared = { records, guard: new FenceGuard() };
  const { address } = server;
  const options = { address, ttlMs: TTL_MS, connectTimeoutMs: CONNECT_TIMEOUT_MS };
  const reader = connect(options);
  const load = Array.from({ length: count }, (_, index) => {
    const name = `client-${index + 1}`;
    const client = connect({ ...options, displayName: name });
    return new LoadClient(name, client, new Numbers(seed * 100_000 + index), shared);
  });
  await Promise.all(load.map((client) => client.ready()));
  tell(`${count} sessions are open`);
  const silence = new Silence(reader);
  const running = Promise.all(load.map((client) => client.run()));
  const numbers = new Numbers(seed);
  for (let kill = 1; kill <= kills; kill += 1) {
    const more = records.more(GRANTS_BEFORE_KILL_MIN + numbers.below(GRANTS_BEFORE_KILL_MAX));
    await unlessStuck(records, "the clients to go on", more);
    await server.kill();
    await realTime(numbers.below(DOWN_MS_MAX), "a server is not back at once");
    await server.startAgain();
    const seen = `${records.holds.length} grants seen`;
    tell(`killed ${kill} of ${kills} times, ${seen}, silent for ${silence.longestMs.toFixed()} ms`);
  }
  for (const client of load) client.finish();
  await unlessStuck(records, "every client to be granted one more lock", running);
  await silence.stop();
  const keptUp = silence.longestMs <= SILENCE_MS_MAX;
  tell(`all clients have gone on; ${records.holds.length} grants seen`);
  await eventually("for what was taken back to be gone", () => isQuiet(reader));
  await Promise.all(load.map((client) => client.close()));
  const history = new LockHistory(await allEvents(reader));
  await reader.close();
  tell(`the history tells of ${history.grants.size} grants`);
  return { records, history, kills, keptUp };
}

async function isQuiet(reader: Client): Promise<boolean> {
  const { locks } = await reader.listLocks();
  return locks.length === 0;
}
