import { attempt } from "../clients/attempt.ts";
import type { ClientHost } from "../clients/client-host.ts";
import { appendOnce } from "../replicas/appending.ts";
import { restorePolicy } from "../replicas/dataset-care.ts";
import { DATASET } from "../replicas/replica-life.ts";
import type { World } from "./world.ts";

const LAST_WRITE = {
  changes: 5,
  deletes: false,
  bytes: 10,
  quorum: 0,
  all: false,
  timeoutMs: 3_000,
  again: false,
  since: false,
  poison: false,
  key: -1,
} as const;

/** How long it takes at most until all replicas are the same again, milliseconds of true time. */
const EQUAL_WITHIN_MS = 60_000;

/** How often an operator looks whether there is something left to do. */
const TIDY_UP_EACH_MS = 5_000;

/** Once nothing goes wrong, every replica comes to have what the server has, and knows it. */
export async function replicasBecomeEqual(world: World): Promise<void> {
  const { scheduler, checker, replicas } = world;
  if (replicas.length === 0) return;
  let written = 0;
  // The first makes the dataset, where there is none.
  for (let times = 0; times < 2; times += 1) {
    const writer = world.clients[0] as ClientHost;
    writer.run("append a last batch", (life) =>
      attempt(world, async () => {
        await restorePolicy(life.client, world.config.dataset);
        await appendOnce(world, life, LAST_WRITE);
        written += 1;
      }),
    );
    await scheduler.run(scheduler.nowMs + EQUAL_WITHIN_MS, () => written > times);
  }
  const head = () => checker.datasets.log(DATASET)?.head ?? 0n;
  const over = () => checker.violation !== undefined;
  const equal = () => replicas.every((replica) => replica.isEqual(head()));
  const untilMs = scheduler.nowMs + EQUAL_WITHIN_MS;
  while (!over() && !equal() && scheduler.nowMs < untilMs) {
    for (const replica of replicas) replica.tidyUp();
    await scheduler.run(scheduler.nowMs + TIDY_UP_EACH_MS, () => over() || equal());
  }
  if (over()) return;
  if (!equal() || head() === 0n) {
    const states = replicas.map((replica) => replica.describe());
    checker.fail("replicas become equal", `the head is ${head()}: ${states.join("; ")}`);
  }
  for (const replica of replicas) replica.close();
  const closed = () => replicas.every((replica) => replica.closed);
  await scheduler.run(scheduler.nowMs + EQUAL_WITHIN_MS, () => over() || closed());
  if (!closed()) checker.fail("replicas become equal", "a replica does not close");
}
