import type { Config, Plan } from "./config.ts";

/** Whether a plan still breaks the same rule. */
type Fails = (plan: Plan) => Promise<boolean>;

/**
 * Makes a plan that fails as small as it gets while it still does: actions are dropped, first many at a
 * time, then one by one; then everything that is odd about the world is made ordinary.
 * @param runsMax how many runs it may cost
 */
export async function shrink(plan: Plan, fails: Fails, runsMax: number): Promise<Plan> {
  let runs = 0;
  const stillFails = async (candidate: Plan) => {
    runs += 1;
    return runs <= runsMax && (await fails(candidate));
  };
  let smallest = await withoutActions(plan, stillFails);
  for (const simpler of SIMPLER) {
    const config = { ...smallest.config, ...simpler(smallest.config) };
    const candidate = { ...smallest, config };
    if (await stillFails(candidate)) smallest = candidate;
  }
  return withoutActions(smallest, stillFails);
}

async function withoutActions(plan: Plan, fails: Fails): Promise<Plan> {
  let smallest = plan;
  for (let size = Math.ceil(plan.actions.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < smallest.actions.length; ) {
      const { actions } = smallest;
      const rest = [...actions.slice(0, from), ...actions.slice(from + size)];
      const candidate = { ...smallest, actions: rest };
      if (rest.length < actions.length && (await fails(candidate))) smallest = candidate;
      else from += size;
    }
  }
  return smallest;
}

const PLAIN_CLOCK = { rate: 1, monotonicMs: 0, wallOffsetMs: 0, sleepStopsMonotonic: false };

/** Each makes one thing about the world ordinary. */
const SIMPLER: readonly ((config: Config) => Partial<Config>)[] = [
  ({ network }) => ({ network: { ...network, spikeProbability: 0 } }),
  ({ network }) => ({ network: { ...network, jitterMs: 0 } }),
  ({ network }) => ({ network: { ...network, delayMs: 1 } }),
  ({ network }) => ({ network: { ...network, turnsToHandOn: 0 } }),
  () => ({ disk: { latencyMs: 1, jitterMs: 0 } }),
  () => ({ upkeep: { snapshotEvents: 0, historyEvents: 0 } }),
  () => ({ timerLateMs: 0 }),
  () => ({ serverClock: PLAIN_CLOCK }),
  ({ clients }) => ({ clients: clients.map((client) => ({ ...client, clock: PLAIN_CLOCK })) }),
  ({ clients }) => ({ clients: clients.map((client) => ({ ...client, attach: false })) }),
  ({ replicas }) => ({
    replicas: replicas.map((replica) => ({ ...replica, clock: PLAIN_CLOCK })),
  }),
  ({ replicas }) => ({ replicas: replicas.map((replica) => ({ ...replica, attach: false })) }),
  ({ replicas }) => ({ replicas: replicas.slice(0, 1) }),
];
