import type { AcquireOptions, Lock } from "@lockstep/client";
import type { Chance } from "../chance.ts";
import { attempt } from "../clients/attempt.ts";
import { type Life, sleep } from "../clients/client-host.ts";
import { acquired, look, raise, useLock } from "../clients/use-lock.ts";
import type { World } from "../run/world.ts";
import { type ActionKind, KEYS, kind, OWNERS, POOL, someClient } from "./kind.ts";

const MODES = ["EXCLUSIVE", "EXCLUSIVE", "SHARED", "UPGRADABLE"] as const;
const WAITS_MS = [0, 200, 3_000, 20_000];
const HOLDS_MS = [0, 50, 500, 4_000];

/** Everything around single locks, by name. */
export const LOCK_OPERATIONS: Readonly<Record<string, ActionKind>> = {
  lock: kind({
    weight: 12,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      keys: someKeys(chance),
      mode: chance.pick(MODES),
      writes: chance.whole(0, 3),
      owner: chance.pick(["", "", "", ...OWNERS]),
      onLossMs: chance.pick([0, 0, 0, 1_000, 5_000, -1]),
      maxHoldMs: chance.pick([0, 0, 0, 300, 3_000]),
      ...drawPatience(chance),
    }),
    apply: (world, { client, keys, mode, writes, owner, onLossMs, maxHoldMs, ...times }) => {
      const { waitMs, holdMs, cancelAfterMs } = times;
      const options = {
        ...ownedBy(owner),
        mode: mode as "SHARED",
        waitMs,
        maxHoldMs,
        ...onLossOf(onLossMs),
      };
      const wish = { targets: keys.split(" "), options, holdMs, cancelAfterMs };
      world.client(client).run(`lock ${keys}`, (life) =>
        useLock(world, life, wish, async (lock) => {
          for (let write = 0; write < writes; write++) {
            await (mode === "EXCLUSIVE" ? raise(world, life, lock) : look(world, life, lock));
          }
        }),
      );
    },
  }),
  upgrade: kind({
    weight: 3,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(KEYS),
      from: chance.pick(["UPGRADABLE", "UPGRADABLE", "UPGRADABLE", "SHARED", "EXCLUSIVE"]),
      owner: chance.pick(["", ...OWNERS]),
      weaken: chance.yes(0.5),
      ...drawPatience(chance),
    }),
    apply: (world, { client, key, from, owner, weaken, waitMs, holdMs, cancelAfterMs }) => {
      const options = { ...ownedBy(owner), mode: from as "UPGRADABLE", waitMs: 5_000 };
      const wish = { targets: key, options, holdMs, cancelAfterMs };
      world.client(client).run(`upgrade ${key}`, (life) =>
        useLock(world, life, wish, async (lock) => {
          await look(world, life, lock);
          if (from !== "EXCLUSIVE") await lock.convert("EXCLUSIVE", { waitMs });
          await raise(world, life, lock);
          if (weaken) await lock.convert("SHARED");
          await look(world, life, lock);
        }),
      );
    },
  }),
  nested: kind({
    weight: 4,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      outer: chance.pick(KEYS),
      inner: someKeys(chance),
      owner: chance.pick(OWNERS),
      priority: chance.whole(-1, 1),
      betweenMs: chance.pick([0, 100, 1_000]),
      ...drawPatience(chance),
    }),
    apply: (world, { client, outer, inner, owner, priority, betweenMs, ...times }) => {
      const { waitMs, holdMs, cancelAfterMs } = times;
      const options = { owner, deadlockPriority: priority };
      const wish = {
        targets: outer,
        options: { ...options, waitMs: 8_000 },
        holdMs,
        cancelAfterMs,
      };
      const more = {
        targets: inner.split(" "),
        options: { ...options, waitMs },
        holdMs,
        cancelAfterMs,
      };
      world.client(client).run(`nested ${outer} ${inner}`, (life) =>
        useLock(world, life, wish, async (lock) => {
          await sleep(life.process, betweenMs);
          await useLock(world, life, more, (other) => raise(world, life, other));
          await raise(world, life, lock);
        }),
      );
    },
  }),
  enterAgain: kind({
    weight: 3,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      keys: someKeys(chance),
      mode: chance.pick(MODES),
      owner: chance.pick(OWNERS),
      maxHoldMs: chance.pick([0, 300, 1_000]),
      ...drawPatience(chance),
    }),
    apply: (world, { client, keys, mode, owner, maxHoldMs, waitMs, holdMs, cancelAfterMs }) => {
      const terms = { mode: mode as "SHARED", maxHoldMs };
      const options: Options = { ...terms, owner, waitMs, reentrancy: "count" };
      const wish = { targets: keys.split(" "), options, holdMs, cancelAfterMs };
      world.client(client).run(`enter ${keys}`, (life) =>
        useLock(world, life, wish, async (lock) => {
          // Nobody writes: what one owner does at a time is not for the lock to order.
          await useLock(world, life, wish, (again) => look(world, life, again));
          await look(world, life, lock);
        }),
      );
    },
  }),
  permits: kind({
    weight: 3,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      permits: chance.whole(1, 3),
      owner: chance.pick(["", ...OWNERS]),
      ...drawPatience(chance),
    }),
    apply: (world, { client, permits, owner, waitMs, holdMs, cancelAfterMs }) => {
      const options = { ...ownedBy(owner), permits, waitMs };
      const wish = { targets: POOL, options, holdMs, cancelAfterMs };
      world
        .client(client)
        .run(`permits ${permits}`, (life) => useLock(world, life, wish, async () => {}));
    },
  }),
  handOver: kind({
    weight: 3,
    draw: (chance, config) => ({
      from: someClient(chance, config),
      to: someClient(chance, config),
      key: chance.pick(KEYS),
      mode: chance.pick(MODES),
      afterMs: chance.pick([20, 500, 2_000]),
      ...drawPatience(chance),
    }),
    apply: (world, { from, to, key, mode, afterMs, waitMs, holdMs, cancelAfterMs }) => {
      const options = { mode: mode as "SHARED", waitMs: Math.max(waitMs, 500) };
      handOver(world, { from, to, key, options, afterMs, holdMs, cancelAfterMs });
    },
  }),
  value: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(KEYS),
      times: chance.whole(1, 3),
      ...drawPatience(chance),
    }),
    apply: (world, { client, key, times, waitMs, holdMs, cancelAfterMs }) => {
      const wish = { targets: key, options: { waitMs, value: "first" }, holdMs, cancelAfterMs };
      world.client(client).run(`value ${key}`, (life) =>
        useLock(world, life, wish, async (lock) => {
          for (let time = 1; time <= times; time++) await lock.setValue(`value ${time}`);
        }),
      );
    },
  }),
  polite: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(KEYS),
      ...drawPatience(chance),
    }),
    apply: (world, { client, key, waitMs, cancelAfterMs }) => {
      const wish = { targets: key, options: { waitMs }, holdMs: 0, cancelAfterMs };
      world
        .client(client)
        .run(`polite ${key}`, (life) =>
          useLock(world, life, wish, (lock) => untilAsked(world, life, lock)),
        );
    },
  }),
};

type Options = Omit<AcquireOptions, "signal">;

interface HandOver {
  readonly from: number;
  readonly to: number;
  readonly key: string;
  readonly options: Options;
  readonly afterMs: number;
  readonly holdMs: number;
  readonly cancelAfterMs: number;
}

/** One takes a lock, another waits for it, and the first hands it over. */
function handOver(world: World, { from, to, key, options, afterMs, ...rest }: HandOver): void {
  const wish = { targets: key, options, ...rest };
  world.client(from).run(`hand over ${key}`, (life) =>
    attempt(world, async () => {
      const lock = await acquired(world, life, { ...wish, cancelAfterMs: -1 });
      try {
        const waiting = Promise.withResolvers<{ sessionId: bigint; requestId: bigint }>();
        const onRequest = waiting.resolve;
        world.client(to).run(`be handed ${key}`, (other) =>
          useLock(world, other, { ...wish, options: { ...options, onRequest } }, async (mine) => {
            await raise(world, other, mine);
          }),
        );
        await sleep(life.process, afterMs);
        // Nobody may be waiting by now, or ever: then the lock is simply given back.
        const ref = await Promise.race([waiting.promise, sleep(life.process, 500)]);
        if (ref) await lock.transfer(ref);
      } finally {
        await lock.release();
      }
    }),
  );
}

/** Keeps the lock until somebody asks for it, or for a while. */
function untilAsked(world: World, { process }: Life, lock: Lock): Promise<void> {
  return new Promise((resolve) => {
    const timer = process.after(8_000, resolve);
    lock.onReleaseRequested(() => {
      world.marks.hit("holder hears that it is asked");
      timer.cancel();
      resolve();
    });
  });
}

function drawPatience(chance: Chance) {
  return {
    waitMs: chance.pick(WAITS_MS),
    holdMs: chance.pick(HOLDS_MS),
    cancelAfterMs: chance.yes(0.2) ? chance.pick([0, 5, 100, 2_000]) : -1,
  };
}

function someKeys(chance: Chance): string {
  const several = chance.yes(0.3) ? chance.whole(2, 3) : 1;
  const keys: string[] = [];
  const left: string[] = [...KEYS];
  while (keys.length < several) {
    keys.push(...left.splice(chance.whole(0, left.length - 1), 1));
  }
  return keys.join(" ");
}

function ownedBy(owner: string): { owner?: string } {
  return owner === "" ? {} : { owner };
}

/** -1 is quarantine, 0 nothing, anything else a delay. */
function onLossOf(ms: number): Pick<Options, "onLoss"> {
  if (ms === 0) return {};
  return { onLoss: ms < 0 ? "quarantine" : { delayMs: ms } };
}
