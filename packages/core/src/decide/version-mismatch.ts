import { ErrorReason } from "@lockstep/protocol";
import { Refusal, RefusalCode } from "../refusal.ts";

/** What was to be changed has changed meanwhile. */
export function versionMismatch(what: string, version: bigint): Refusal {
  return new Refusal(
    RefusalCode.ABORTED,
    ErrorReason.VERSION_MISMATCH,
    `${what} is ${version} now: look at it again`,
    { version: String(version) },
  );
}
