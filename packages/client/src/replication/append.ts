import type { AppendRequestSchema, AppendResponse } from "@lockstep/protocol";
import { backoffMs } from "../backoff.ts";
import type { Caller } from "../calls/caller.ts";
import { AppendOutcomeUnknownError, RequestError, ServerUnreachableError } from "../errors.ts";
import { pause } from "../pause.ts";
import { type Clock, elapsedMs, instantOf } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { DatasetCallOptions, Fields } from "./fields.ts";

/** What an append needs of its client. */
export interface AppendParts {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly random: Random;
  /** How long an append looks for an answer, milliseconds. */
  readonly timeoutMs: number;
}

type Attempt = (signal: AbortSignal) => Promise<AppendResponse>;

/**
 * Makes an append until its outcome is known or the time is over. It is repeated only when the server recognises
 * every change of it by its idempotency key.
 */
export async function appendUntilKnown(
  { caller, clock, random, timeoutMs }: AppendParts,
  { changes = [] }: Fields<typeof AppendRequestSchema>,
  { signal }: DatasetCallOptions,
  attempt: Attempt,
): Promise<AppendResponse> {
  const recognised = changes.every(({ idempotencyKey = "" }) => idempotencyKey !== "");
  const since = instantOf(clock);
  for (let failures = 1; ; failures += 1) {
    const leftMs = timeoutMs - elapsedMs(clock, since);
    try {
      const options = { ...(signal && { signal }), timeoutMs: Math.max(1, leftMs) };
      return await caller.call(options, attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOpen(error)) throw error;
      const pauseMs = backoffMs(failures, random);
      if (!recognised || elapsedMs(clock, since) + pauseMs >= timeoutMs)
        throw new AppendOutcomeUnknownError({ cause: error });
      await pause(clock, pauseMs, signal ?? NEVER);
      signal?.throwIfAborted();
    }
  }
}

const NEVER = new AbortController().signal;

/** Reasons that do not tell whether the append happened. All others say that it did not. */
const OPEN_REASONS: ReadonlySet<string> = new Set([
  "SERVER_STOPPING",
  "RECOVERING",
  "JOURNAL_FAILED",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
  "INTERNAL",
]);

function isOpen(error: unknown): boolean {
  if (error instanceof RequestError) return OPEN_REASONS.has(error.reason);
  return error instanceof ServerUnreachableError;
}
