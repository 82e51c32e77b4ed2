import { Refusal, RefusalCode } from "@lockstep/core";
import { ErrorReason } from "@lockstep/protocol";
import { JournalDeposedError, JournalUnknownError } from "../journal/journal.ts";

/** The refusal while the journal is being read. */
export function recovering(): Refusal {
  return new Refusal(
    RefusalCode.UNAVAILABLE,
    ErrorReason.RECOVERING,
    "the namespace is recovering from its journal: try again",
  );
}

/** The refusal when the server stops, or has stopped, by request. */
export function stopping(): Refusal {
  return new Refusal(
    RefusalCode.UNAVAILABLE,
    ErrorReason.SERVER_STOPPING,
    "the server is stopping: connect again and repeat with the same request id; sessions and tickets go on",
  );
}

/** The refusal when the journal failed: what was pending may or may not have happened. */
function journalFailed(): Refusal {
  return new Refusal(
    RefusalCode.UNAVAILABLE,
    ErrorReason.JOURNAL_FAILED,
    "the journal failed and the namespace stopped; the outcome is unknown: repeat with the same request id",
  );
}

/** The refusal when the state contradicted itself. */
function brokenInvariant(): Refusal {
  return new Refusal(
    RefusalCode.INTERNAL,
    ErrorReason.INTERNAL,
    "the namespace broke an invariant and stopped; the outcome is unknown: see the server's log",
  );
}

/** What is answered after a namespace has stopped: by request, or because of an error. */
export function refusalAfter(error: Error | undefined): Refusal {
  if (error === undefined) return stopping();
  const journalIsToBlame =
    error instanceof JournalDeposedError || error instanceof JournalUnknownError;
  return journalIsToBlame ? journalFailed() : brokenInvariant();
}
