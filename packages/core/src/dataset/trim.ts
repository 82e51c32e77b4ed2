import { type Decision, Draft, replyWith } from "../decide/decision.ts";
import type { Now, Op } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import { datasetById } from "./find.ts";
import { positionMessage } from "./position.ts";
import { lowestHeld } from "./snapshot-holds.ts";

/** Drops what the policy does not keep, as far as no snapshot holds it. */
export function decideTrimLog(
  state: NamespaceState,
  { datasetId, unwanted }: Op<"trimLog">,
  now: Now,
): Decision<"trimLog"> {
  const dataset = datasetById(state, datasetId);
  const held = lowestHeld(dataset, now);
  let { floor, droppedSeq } = dataset;
  const wanted = unwanted.floor;
  if (
    wanted !== undefined &&
    wanted.seq > floor.seq &&
    wanted.seq <= dataset.head.seq &&
    (held === undefined || wanted.seq <= held)
  )
    floor = wanted;
  let droppable = unwanted.droppedSeq;
  if (droppable > floor.seq) droppable = floor.seq;
  if (droppable > droppedSeq) droppedSeq = droppable;
  const draft = new Draft(state.revision, now);
  if (floor !== dataset.floor || droppedSeq !== dataset.droppedSeq)
    draft.add({
      case: "logTrimmed",
      value: {
        $typeName: "lockstep.v1.LogTrimmed",
        dataset: dataset.name,
        datasetId,
        floor: positionMessage(floor),
        droppedSeq,
      },
    });
  return replyWith(draft.events, {});
}
