import { LockMode, LockService } from "@lockstep/protocol";
import { badValue, badWait } from "./locks.ts";
import { above, type BadInput, badInputs, long, session } from "./rows.ts";

const { release, convert, transfer, setValue, requestRelease } = LockService.method;
const hold = { session, requestId: 1n, holdId: 1n, token: 1n };
const badToken = ["token", "0", { token: 0n }] as const;

/** Bad requests of the LockService about holds. */
export const holdInputs: readonly BadInput[] = [
  ...badInputs(release, hold, [badToken]),
  ...badInputs(convert, { ...hold, key: "k", mode: LockMode.SHARED }, [
    badToken,
    ["key", "empty", { key: "" }],
    ["mode", "absent", { mode: LockMode.UNSPECIFIED }],
    ["mode", "unknown", { mode: 99 }],
    ...badWait,
  ]),
  ...badInputs(transfer, { ...hold, toSessionId: 1n, toRequestId: 1n }, [
    badToken,
    ["to_session_id", "0", { toSessionId: 0n }],
    ["to_request_id", "0", { toRequestId: 0n }],
  ]),
  ...badInputs(setValue, hold, [badToken, badValue]),
  ...badInputs(requestRelease, { namespace: "default", key: "k" }, [
    ["key", "too long", { key: long }],
    ["token", "above 2^63", { token: above }],
  ]),
];
