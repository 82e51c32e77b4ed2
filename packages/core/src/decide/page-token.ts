import { ErrorReason } from "@lockstep/protocol";
import { Refusal, RefusalCode } from "../refusal.ts";

/** A page token that the operation did not give. */
export function invalidPageToken(operation: string): Refusal {
  return new Refusal(
    RefusalCode.INVALID_ARGUMENT,
    ErrorReason.INVALID_FIELD,
    `page_token is not one that ${operation} returned: start again without it`,
    { field: "page_token", rule: "must be a next_page_token" },
  );
}
