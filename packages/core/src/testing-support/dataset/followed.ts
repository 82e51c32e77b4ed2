import { World } from "../world.ts";
import { appendWaiting, createDataset, Follower, put } from "./dataset-client.ts";

/** What most tests append. */
export const CHANGES = [put("a", "1")];

/** How long a replica is alive without another Ack. */
export const LEASE_MS = 10_000;

/** A dataset with so many replicas, all in sync. */
export function followed(count: number, policy = {}): { world: World; followers: Follower[] } {
  const world = new World();
  createDataset(world, policy);
  const followers = Array.from({ length: count }, (_, at) => new Follower(world, `r${at}`));
  for (const follower of followers) follower.ack();
  return { world, followers };
}

/** An append that waits for as many replicas as it can. */
export function waiting(world: World, durability: object, more = {}): bigint {
  return appendWaiting(world, CHANGES, { durability, ...more });
}

/** One of the replicas. */
export function follower(all: readonly Follower[], at: number): Follower {
  return all[at] as Follower;
}
