import type { RequestReleaseResponse } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import { type Decision, Draft, replyWith } from "./decision.ts";

/**
 * Asks the holders of a key to release it, and takes nothing from them. Needs no session: who wants a
 * lock back is often an operator or a deployment. Whoever was asked before is not asked again.
 */
export function decideRequestRelease(
  state: NamespaceState,
  { principal, request }: Op<"requestRelease">,
  now: Now,
): Decision<"requestRelease"> {
  const { key, token } = request;
  const holds = state.keys.get(key)?.holds ?? [];
  const asked = holds.filter((hold) => token === 0n || hold.token === token);
  const draft = new Draft(state.revision, now, {
    actor: principal,
    correlationId: request.correlationId,
    reason: request.reason,
  });
  for (const hold of asked) {
    if (hold.releaseAsked !== undefined) continue;
    draft.add({
      case: "releaseRequested",
      value: {
        $typeName: "lockstep.v1.ReleaseRequested",
        holdId: hold.id,
        token: hold.token,
        sessionId: hold.sessionId,
        targets: [...hold.targets],
      },
    });
  }
  return replyWith(draft.events, response(asked.map(({ id }) => id)));
}

function response(holdIds: bigint[]): RequestReleaseResponse {
  return { $typeName: "lockstep.v1.RequestReleaseResponse", holdIds };
}
