import { WIRES, type WireName } from "../clients/client-host.ts";
import type { DiskFault } from "../server/disk.ts";
import { COMBINED_FAULTS } from "./combined-faults.ts";
import { type ActionKind, kind, someClient } from "./kind.ts";

const DOWN_MS = [20, 500, 3_000, 12_000];
const PAUSE_MS = [20, 150, 900, 2_500, 6_000, 16_000];

/** What goes wrong at the server, by name. */
const SERVER_FAULTS: Readonly<Record<string, ActionKind>> = {
  killServer: kind({
    weight: 2,
    draw: (chance) => ({
      downMs: chance.pick(DOWN_MS),
      kept: chance.whole(0, 2),
      machineToo: chance.yes(0.3),
    }),
    apply: (world, { downMs, kept, machineToo }) => world.killServer(downMs, kept, machineToo),
  }),
  killServerAtAppend: kind({
    weight: 2,
    draw: (chance) => ({
      afterMs: chance.pick([0, 0.5, 3]),
      downMs: chance.pick(DOWN_MS),
      kept: chance.whole(0, 2),
    }),
    apply: (world, { afterMs, downMs, kept }) =>
      world.disk.onNextAppend(() =>
        world.scheduler.in(afterMs, () => world.killServer(downMs, kept, false)),
      ),
  }),
  stopServer: kind({
    weight: 1,
    draw: (chance) => ({ downMs: chance.pick(DOWN_MS) }),
    apply: (world) => world.server.stop(),
  }),
  pauseServer: kind({
    weight: 2,
    draw: (chance) => ({ forMs: chance.pick(PAUSE_MS), asleep: chance.yes(0.3) }),
    apply: (world, { forMs, asleep }) => {
      const { process } = world.server;
      process?.pause(asleep);
      world.marks.hit(asleep ? "server's machine sleeps" : "server stands still");
      world.scheduler.in(forMs, () => process?.resume());
    },
  }),
  restoreBackup: kind({
    weight: 0.7,
    draw: (chance) => ({ downMs: chance.pick(DOWN_MS), lostBatches: chance.pick([0, 1, 3, 10]) }),
    apply: (world, { downMs, lostBatches }) => world.restoreBackup(downMs, lostBatches),
  }),
  stepServerClock: kind({
    weight: 0.5,
    draw: (chance) => ({ byMs: chance.pick([-3_600_000, -5_000, 5_000, 3_600_000]) }),
    apply: (world, { byMs }) => world.server.process?.clock.step(byMs),
  }),
  stallDisk: kind({
    weight: 1,
    draw: (chance) => ({ forMs: chance.pick([50, 700, 5_000]) }),
    apply: (world, { forMs }) => world.disk.stall(forMs),
  }),
  failAppend: kind({
    weight: 1,
    draw: (chance) => ({ fault: chance.pick(["written", "not-written", "torn", "deposed"]) }),
    apply: (world, { fault }) => world.disk.failNext(fault as DiskFault),
  }),
};

/** What goes wrong at a client, by name. */
const CLIENT_FAULTS: Readonly<Record<string, ActionKind>> = {
  pauseClient: kind({
    weight: 3,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      forMs: chance.pick(PAUSE_MS),
      asleep: chance.yes(0.4),
    }),
    apply: (world, { client, forMs, asleep }) => {
      const process = world.client(client).life?.process;
      process?.pause(asleep);
      world.marks.hit(asleep ? "client's machine sleeps" : "client stands still");
      world.scheduler.in(forMs, () => {
        process?.resume();
        world.checker.watch(() => world.checker.beliefs.checkAll());
      });
    },
  }),
  killClient: kind({
    weight: 1,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      machineToo: chance.yes(0.4),
      backAfterMs: chance.pick([100, 4_000]),
    }),
    apply: (world, { client, machineToo, backAfterMs }) => {
      world.client(client).kill(machineToo);
      world.marks.hit("client dies");
      world.scheduler.in(backAfterMs, () => world.client(client).start());
    },
  }),
  stepClientClock: kind({
    weight: 1,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      byMs: chance.pick([-3_600_000, -2_000, 2_000, 20_000]),
    }),
    apply: (world, { client, byMs }) => {
      const clock = world.client(client).life?.process.clock;
      // Set back and stopped by sleep at the same time, no clock of the machine would know how long it slept.
      if (clock === undefined || (byMs < 0 && clock.sleepStopsMonotonic)) return;
      clock.step(byMs);
      world.marks.hit(byMs > 0 ? "client's clock set forward" : "client's clock set back");
    },
  }),
};

/** What goes wrong between them, by name. */
const NETWORK_FAULTS: Readonly<Record<string, ActionKind>> = {
  cut: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      wire: chance.pick(WIRES),
      serverAfterMs: chance.pick([0, 20, 3_000]),
    }),
    apply: (world, { client, wire, serverAfterMs }) =>
      world.client(client).life?.wires[wire as WireName].cut(serverAfterMs),
  }),
  halfOpen: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      wire: chance.pick(WIRES),
      up: chance.yes(0.5),
    }),
    apply: (world, { client, wire, up }) =>
      world.client(client).life?.wires[wire as WireName].halfOpen(up ? "up" : "down"),
  }),
  partition: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      forMs: chance.pick([300, 2_500, 9_000, 20_000]),
    }),
    apply: (world, { client, forMs }) => {
      for (const name of WIRES) world.client(client).life?.wires[name].partition(forMs);
    },
  }),
  lose: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      wire: chance.pick(WIRES),
      request: chance.yes(0.4),
    }),
    apply: (world, { client, wire, request }) =>
      world.client(client).life?.wires[wire as WireName].loseNext(request ? "request" : "response"),
  }),
  duplicate: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      wire: chance.pick(WIRES),
      afterMs: chance.pick([1, 300, 4_000, 15_000]),
    }),
    apply: (world, { client, wire, afterMs }) =>
      world.client(client).life?.wires[wire as WireName].duplicateNext(afterMs),
  }),
};

/** What goes wrong, by name. */
export const FAULTS: Readonly<Record<string, ActionKind>> = {
  ...SERVER_FAULTS,
  ...CLIENT_FAULTS,
  ...NETWORK_FAULTS,
  ...COMBINED_FAULTS,
};
