import { LockMode } from "@lockstep/protocol";
import { type Client, type Held, open, setPolicy } from "./client.ts";
import { World, type WorldOptions } from "./world.ts";

/** A world, and three clients who get in each other's way. */
export interface People {
  readonly world: World;
  readonly ann: Client;
  readonly ben: Client;
  readonly carl: Client;
}

/** Opens a session for each. */
export function people(options: WorldOptions = {}): People {
  const world = new World(options);
  const ann = open(world, { displayName: "Ann" });
  return { world, ann, ben: open(world), carl: open(world) };
}

/** People in whose world the keys with this prefix offer so many permits. */
export function withPermits(permits: number, keyPrefix = "p"): People {
  const all = people();
  setPolicy(all.world, { keyPrefix, permits });
  return all;
}

/** Takes a key that is free, to convert it later. */
export function upgradable(client: Client, key = "a", owner = ""): Held {
  return client.lock(key, { mode: LockMode.UPGRADABLE, owner });
}
