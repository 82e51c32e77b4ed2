import { InvariantError } from "../apply/invariant.ts";
import type { Decision, Facts } from "../decide/decision.ts";
import type { Now, Op } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import type { DatasetOperations } from "./operations.ts";

/**
 * Decides an operation on datasets.
 * @throws Refusal when the operation is not executed.
 */
export function decideDataset(
  _state: NamespaceState,
  { kind }: Op<keyof DatasetOperations>,
  _now: Now,
  _facts: Facts,
): Decision {
  throw new InvariantError(`no server submits ${kind} yet`);
}
