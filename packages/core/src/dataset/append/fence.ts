import { type AppendFence, ErrorReason, LockMode } from "@lockstep/protocol";
import { Refusal, RefusalCode } from "../../refusal.ts";
import { targetOf } from "../../state/key.ts";
import type { NamespaceState } from "../../state/state.ts";
import type { Dataset } from "../dataset.ts";

/**
 * A fence is that of a live EXCLUSIVE hold of the lock that the policy names.
 * @throws Refusal INVALID_FIELD, FENCE_REQUIRED, FENCED.
 */
export function requireFence(
  { keys }: NamespaceState,
  { settings }: Dataset,
  fence: AppendFence | undefined,
): void {
  const { fenceKey, fenceRequired } = settings;
  if (fence === undefined) {
    if (!fenceRequired) return;
    throw new Refusal(
      RefusalCode.FAILED_PRECONDITION,
      ErrorReason.FENCE_REQUIRED,
      `the dataset accepts only appends of who holds the lock ${JSON.stringify(fenceKey)}: acquire it, and send its token`,
      { key: fenceKey },
    );
  }
  if (fenceKey === "")
    throw new Refusal(
      RefusalCode.INVALID_ARGUMENT,
      ErrorReason.INVALID_FIELD,
      "fence is given, and the policy of the dataset names no lock: nothing would protect the append",
      { field: "fence", rule: "must be absent while the policy has no fence_key" },
    );
  const { key, token } = fence;
  const holds = key === fenceKey ? (keys.get(key)?.holds ?? []) : [];
  const isLive = holds.some(
    (hold) => hold.token === token && targetOf(hold.targets, key)?.mode === LockMode.EXCLUSIVE,
  );
  if (isLive) return;
  throw new Refusal(
    RefusalCode.FAILED_PRECONDITION,
    ErrorReason.FENCED,
    `token ${token} is not that of a live EXCLUSIVE hold of ${JSON.stringify(fenceKey)}: stop writing, and acquire it`,
    { key: fenceKey },
  );
}
