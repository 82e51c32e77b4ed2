import type { SetValueResponse } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { storageLow } from "../refusal.ts";
import type { Result } from "../state/outcome.ts";
import type { NamespaceState } from "../state/state.ts";
import {
  earlierOutcome,
  idReused,
  liveSessionOf,
  noteAnswered,
  roomForAnswered,
  roomForBytes,
  roomForOutcome,
} from "./admission.ts";
import { type Decision, Draft, type Facts, replyOnly, replyWith } from "./decision.ts";
import { setValueFingerprint } from "./fingerprint.ts";
import { heldOrOver, notHeldView } from "./hold-of.ts";

/** Changes what the holder of a lock publishes. */
export function decideSetValue(
  state: NamespaceState,
  { caller, request }: Op<"setValue">,
  now: Now,
  facts: Facts,
): Decision<"setValue"> {
  const session = liveSessionOf(state, caller);
  noteAnswered(state, session, request.answered);
  const { requestId, value } = request;
  const fingerprint = setValueFingerprint(request);
  const earlier = earlierOutcome(session, requestId, fingerprint)?.result;
  if (earlier?.kind === "valueSet" || earlier?.kind === "notHeld")
    return replyOnly(response(earlier));
  if (earlier !== undefined) throw idReused(requestId);
  // Whoever publishes again and again would fill what is left of the disk.
  if (facts.storageLow) throw storageLow("no value is published");
  roomForAnswered(state, session);
  roomForOutcome(state, session);
  const found = heldOrOver(session, request);
  if ("over" in found) {
    session.outcomes.set(requestId, { fingerprint, result: found.over });
    return replyOnly(response(found.over));
  }
  const { hold } = found;
  const grows = value.length - hold.value.length;
  if (grows > 0) roomForBytes(state, session, grows);
  const draft = new Draft(state.revision, now, {
    session,
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId,
    fingerprint,
  });
  draft.add({
    case: "holdValueSet",
    value: {
      $typeName: "lockstep.v1.HoldValueSet",
      holdId: hold.id,
      sessionId: session.id,
      targets: [...hold.targets],
      value,
    },
  });
  return replyWith(draft.events, response({ kind: "valueSet" }));
}

function response(result: Extract<Result, { kind: "valueSet" | "notHeld" }>): SetValueResponse {
  const done: SetValueResponse = { $typeName: "lockstep.v1.SetValueResponse" };
  return result.kind === "valueSet" ? done : { ...done, notHeld: notHeldView(result) };
}
