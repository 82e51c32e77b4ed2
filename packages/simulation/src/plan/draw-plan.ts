import { FAULTS } from "../actions/faults.ts";
import type { ActionKind } from "../actions/kind.ts";
import { OPERATIONS } from "../actions/operations.ts";
import { Chance } from "../chance.ts";
import type { NetworkSettings } from "../network/network.ts";
import type { ClientSettings, Config, Plan } from "./config.ts";
import { drawActions, drawClock, someOf } from "./draw-parts.ts";
import { drawReplicas, drawReplication } from "./draw-replication.ts";

/** How often a kind of operation, and a kind of fault, takes part in a run at all. */
const OPERATION_SHARE = 0.8;
const FAULT_SHARE = 0.4;

/**
 * Draws the plan of a seed. Every plan leaves kinds of operations and of faults out, so that no fault
 * always hides what another would show.
 */
export function drawPlan(seed: number): Plan {
  const chance = new Chance(`plan ${seed}`);
  const config = { ...drawConfig(chance.of("config")), ...drawReplicas(chance.of("replicas")) };
  const operations = someOf(OPERATIONS, OPERATION_SHARE, chance.of("operations"));
  // A run without the one thing that everything is about would show little.
  operations.lock = OPERATIONS.lock as ActionKind;
  const faults = someOf(FAULTS, FAULT_SHARE, chance.of("faults"));
  const operationCount = chance.whole(8, 40);
  const faultCount = Object.keys(faults).length === 0 ? 0 : chance.whole(0, 14);
  const actions = [
    ...drawActions(operations, operationCount, chance.of("operation"), config),
    ...drawActions(faults, faultCount, chance.of("fault"), config),
    ...drawReplication(chance.of("replication"), config),
  ];
  return { seed, config, actions: actions.sort((a, b) => a.atMs - b.atMs) };
}

function drawConfig(chance: Chance): Omit<Config, "replicas" | "dataset"> {
  return {
    durationMs: chance.pick([8_000, 20_000, 40_000]),
    clients: Array.from({ length: chance.whole(2, 4) }, () => drawClient(chance)),
    serverClock: drawClock(chance),
    network: drawNetwork(chance),
    disk: {
      latencyMs: chance.pick([0.1, 1, 20]),
      jitterMs: chance.pick([0, 2, 100]),
    },
    upkeep: {
      snapshotEvents: chance.pick([0, 5, 25]),
      historyEvents: chance.pick([3, 20, 100]),
    },
    timerLateMs: chance.pick([0, 3, 8]),
    restartAfterMs: chance.pick([50, 1_000, 5_000]),
  };
}

function drawClient(chance: Chance): ClientSettings {
  return {
    ttlMs: chance.pick([2_000, 3_000, 6_000, 15_000]),
    attach: chance.yes(0.7),
    clock: drawClock(chance),
  };
}

function drawNetwork(chance: Chance): NetworkSettings {
  return {
    delayMs: chance.pick([0.2, 5, 60]),
    jitterMs: chance.pick([0, 10, 250]),
    spikeProbability: chance.pick([0, 0, 0.02, 0.1]),
    spikeMs: chance.pick([500, 4_000]),
    turnsToHandOn: chance.whole(0, 2),
  };
}
