import { AppendOutcome, type WaitForReplicationResponse } from "@lockstep/protocol";
import { type Decision, replyOnly } from "../decide/decision.ts";
import type { Now, Op } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import { datasetOf } from "./find.ts";
import { durabilityOf } from "./policy-settings.ts";
import { logDiverged } from "./refusals.ts";
import { waitFor } from "./waits.ts";

/** Waits until a change that is in the log has come as far as it must. */
export function decideWaitForReplication(
  state: NamespaceState,
  { request }: Op<"waitForReplication">,
  now: Now,
): Decision<"waitForReplication"> {
  const { seq, replicationTimeoutMs: timeoutMs } = request;
  const dataset = datasetOf(state, request.dataset);
  if (seq > dataset.head.seq) throw logDiverged(`seq ${seq}`, dataset.head.seq);
  const durability = durabilityOf(request.durability, dataset.settings.defaultDurability);
  const reply: WaitForReplicationResponse = {
    $typeName: "lockstep.v1.WaitForReplicationResponse",
    outcome: AppendOutcome.APPENDED,
    appliedBy: [],
  };
  const ticketId = waitFor(state, dataset, { seq, durability, timeoutMs }, reply, now);
  if (ticketId === undefined) return replyOnly(reply);
  return { events: [], answer: { kind: "waiting", ticketId } };
}
