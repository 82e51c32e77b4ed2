import { create } from "@bufbuild/protobuf";
import { CancelAcquireRequestSchema, type Granted } from "@lockstep/protocol";
import type { Errand } from "../calls/dispatcher.ts";
import type { RequestIds } from "../session/request-ids.ts";

/**
 * Takes an acquire back.
 * @param done called when nothing of it waits any more, with the grant that had come before, if one had
 */
export function cancelErrand(
  ids: RequestIds,
  acquireRequestId: bigint,
  correlationId: string,
  done: (granted: Granted | undefined) => void,
): Errand<"cancelAcquire"> {
  const requestId = ids.next();
  const answered = (granted: Granted | undefined) => {
    ids.answer(requestId);
    done(granted);
  };
  return {
    kind: "cancelAcquire",
    request: () =>
      create(CancelAcquireRequestSchema, {
        requestId,
        answered: ids.answered(),
        acquireRequestId,
        correlationId,
      }),
    reply: ({ granted }) => {
      answered(granted);
      return true;
    },
    refused: () => answered(undefined),
  };
}
