import { invariant } from "../apply/invariant.ts";
import type { NamespaceState } from "../state/state.ts";
import { sameBytes } from "./bytes.ts";

/**
 * Compares the digest of each dataset that stands at its last checkpoint with it, once after a state was
 * rebuilt: `apply` compares only the checkpoints that it passes, and a stored snapshot may stand at one.
 *
 * @throws InvariantError when one is another. The state must not be used.
 */
export function verifyRoots({ datasets }: NamespaceState): void {
  for (const { name, head, checkpoint, digest } of datasets.values()) {
    if (checkpoint === undefined || checkpoint.seq !== head.seq) continue;
    invariant(
      sameBytes(checkpoint.root, digest.root()) && sameBytes(checkpoint.logHash, head.logHash),
      () =>
        `the digest of dataset ${JSON.stringify(name)} is not that of its checkpoint at ${head.seq}`,
    );
  }
}
