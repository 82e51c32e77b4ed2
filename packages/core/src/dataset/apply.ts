import type { Event } from "@lockstep/protocol";
import { InvariantError } from "../apply/invariant.ts";
import type { NamespaceState } from "../state/state.ts";

/** Changes datasets as an event says. */
export function applyDataset(_state: NamespaceState, { revision, body }: Event): void {
  throw new InvariantError(`event ${revision} (${body.case}) is of a kind nobody makes yet`);
}
