import { median } from "../statistics.ts";
import { CoreNamespace, type CoreSession, type Held } from "./core-namespace.ts";
import { type Point, type Series, seriesOf } from "./series.ts";

// What one session holds or waits for, the same at every size: only what is named grows.
const PER_SESSION = 10;
const BATCHES = 15;
const CYCLES_PER_BATCH = 2_000;
// What is searched in one batch together.
const OWNERS_PER_BATCH = 20_000;

/** The cost of one acquire and release of a free lock, while other locks are held. */
export function cyclesInCore(sizes: readonly number[]): Series {
  const namespace = new CoreNamespace();
  const worker = namespace.openSession();
  const cycle = (number: number) => worker.release(granted(worker.acquire(`hot/${number}`)));
  const crowd = new Crowd(namespace);
  medianMicroseconds(cycle);
  let held = 0;
  const points = sizes.map((size): Point => {
    for (; held < size; held++) granted(crowd.next().acquire(`held/${held}`));
    return { size, value: medianMicroseconds(cycle) };
  });
  const name = "acquire and release of a free lock";
  return seriesOf({ name, grows: "held locks", of: "core", unit: "µs", bound: "flat" }, points);
}

/** The cost of handing a lock on to the first waiter while the holder before queues again at the end. */
export function queuesInCore(sizes: readonly number[]): Series {
  // The first one warms up.
  const points = [sizes[0] ?? 1, ...sizes].map(queueAt).slice(1);
  const name = "hand-over to the first of a queue";
  return seriesOf({ name, grows: "waiters", of: "core", unit: "µs", bound: "log n" }, points);
}

function queueAt(size: number): Point {
  const namespace = new CoreNamespace();
  const crowd = new Crowd(namespace);
  let holder = crowd.next();
  let held: Held = granted(holder.acquire("one"));
  for (let waiters = 0; waiters < size; waiters++) waits(crowd.next().acquire("one"));
  const value = medianMicroseconds(() => {
    const next = holder.release(held);
    if (next === undefined) throw new Error("nobody was granted the lock");
    waits(holder.acquire("one"));
    holder = crowd.withId(next.sessionId);
    holder.noteGranted(next);
    held = next;
  });
  return { size, value };
}

/** The cost of a request that closes a circle of owners who each hold a lock and wait for the next one's. */
export function chainsInCore(sizes: readonly number[]): Series {
  const points = [sizes[0] ?? 2, ...sizes].map(chainOf).slice(1);
  const name = "request that closes a circle, search and denial";
  return seriesOf(
    { name, grows: "owners in it", of: "core", unit: "µs", bound: "n log n" },
    points,
  );
}

function chainOf(size: number): Point {
  const namespace = new CoreNamespace();
  const crowd = new Crowd(namespace);
  const last = size - 1;
  // The last one confirms what it is told, which none can that waits.
  const closing = namespace.openSession();
  const sessions = Array.from({ length: last }, () => crowd.next()).concat(closing);
  sessions.forEach((session, place) => {
    granted(session.acquire(`key/${place}`, `${place}`));
  });
  // From the end: nobody waits yet for what the next one holds, so nothing is searched meanwhile.
  for (let place = last - 1; place >= 0; place--) {
    waits((sessions[place] as CoreSession).acquire(`key/${place + 1}`, `${place}`));
  }
  const search = () => {
    const answer = closing.acquire("key/0", `${last}`);
    if (answer !== "denied") throw new Error("the circle was not found");
  };
  return { size, value: medianMicroseconds(search, Math.ceil(OWNERS_PER_BATCH / size)) };
}

/** Sessions, as many as are needed for what they hold and wait for. */
class Crowd {
  readonly #namespace: CoreNamespace;
  readonly #sessions = new Map<bigint, CoreSession>();
  #last: CoreSession | undefined;
  #uses = 0;

  constructor(namespace: CoreNamespace) {
    this.#namespace = namespace;
  }

  /** A session with room for one more. */
  next(): CoreSession {
    if (this.#last === undefined || this.#uses++ % PER_SESSION === 0) {
      this.#last = this.#namespace.openSession();
      this.#sessions.set(this.#last.id, this.#last);
    }
    return this.#last;
  }

  withId(id: bigint): CoreSession {
    return this.#sessions.get(id) as CoreSession;
  }
}

/**
 * Processor time of one cycle, microseconds, the threads that collect garbage included: others who use the machine do
 * not count. The middle of several batches: one in which all garbage is collected does not decide.
 */
function medianMicroseconds(cycle: (number: number) => unknown, cycles = CYCLES_PER_BATCH): number {
  const batches = Array.from({ length: BATCHES }, () => {
    const from = process.cpuUsage();
    for (let number = 0; number < cycles; number++) cycle(number);
    const { user, system } = process.cpuUsage(from);
    return (user + system) / cycles;
  });
  return median(batches);
}

function granted(answer: Held | "denied" | undefined): Held {
  if (answer === undefined || answer === "denied") throw new Error("not granted");
  return answer;
}

function waits(answer: Held | "denied" | undefined): void {
  if (answer !== undefined) throw new Error("granted or denied instead of queued");
}
