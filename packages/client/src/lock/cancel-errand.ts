import { create } from "@bufbuild/protobuf";
import { CancelAcquireRequestSchema, type Granted } from "@lockstep/protocol";
import type { Errand } from "../calls/dispatcher.ts";
import type { RequestIds } from "../session/request-ids.ts";

/**
 * Takes an acquire or a conversion back.
 * @param done called when nothing of it waits any more, with the grant that had come before, if one had, and the
 * revision at which that was told
 */
export function cancelErrand(
  ids: RequestIds,
  acquireRequestId: bigint,
  correlationId: string,
  done: (granted: Granted | undefined, revision: bigint) => void,
): Errand<"cancelAcquire"> {
  const requestId = ids.next();
  const answered = (granted: Granted | undefined, revision = 0n) => {
    ids.answer(requestId);
    done(granted, revision);
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
    reply: ({ header, granted }) => {
      answered(granted, header?.revision);
      return true;
    },
    refused: () => answered(undefined),
  };
}
