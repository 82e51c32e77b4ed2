import { ErrorReason, ReplicationMode } from "@lockstep/protocol";
import type { Now } from "../../op.ts";
import { Refusal, RefusalCode } from "../../refusal.ts";
import type { Dataset } from "../dataset.ts";
import { inSyncOf } from "../in-sync.ts";
import type { Durability } from "../policy-settings.ts";
import { neededReplicas } from "../waits.ts";

/**
 * Enough replicas are in sync for what is asked, and for what the policy asks beside it.
 * @throws Refusal NOT_ENOUGH_IN_SYNC.
 */
export function requireInSync(dataset: Dataset, durability: Durability, now: Now): void {
  if (durability.mode === ReplicationMode.LOCAL) return;
  const { minInSync } = dataset.settings;
  const needed = Math.max(neededReplicas(durability, minInSync), minInSync);
  const inSync = inSyncOf(dataset, now).length;
  if (inSync >= needed) return;
  throw new Refusal(
    RefusalCode.UNAVAILABLE,
    ErrorReason.NOT_ENOUGH_IN_SYNC,
    `${inSync} replicas are in sync, and the append needs ${needed}: see what ails the others, or ask for less`,
    { in_sync: String(inSync), needed: String(needed) },
  );
}
