import { create } from "@bufbuild/protobuf";
import { TransferRequestSchema, type TransferResponse } from "@lockstep/protocol";
import { RequestError } from "../errors.ts";
import { type ChangeHost, change } from "./changes.ts";
import { deniedError } from "./denied.ts";
import type { LockHandle } from "./handle.ts";
import type { RequestRef } from "./lock.ts";

type Outcome = TransferResponse["outcome"];

/** Gives a hold to a waiter. All its handles count as given away from here on, unless the server denies it. */
export async function transfer(
  host: ChangeHost,
  handle: LockHandle,
  to: RequestRef,
  correlationId: string,
): Promise<void> {
  const { hold } = handle;
  let resolve = () => {};
  const over = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  const given = [...hold.handles].filter(({ isHeld }) => isHeld);
  for (const one of given) one.give(over);
  try {
    const outcome = await outcomeOf(host, handle, to, correlationId);
    if (outcome.case === "granted") {
      for (const one of given) one.given("TRANSFERRED");
      return;
    }
    for (const one of given) one.restore();
    if (outcome.case === "denied") throw deniedError(hold.keys, outcome.value);
    if (outcome.case === "notHeld") host.notHeld(hold, outcome.value);
    throw handle.overError();
  } catch (error) {
    // Refused, it has not happened. When the session ended, nobody knows; the application has stopped using it.
    for (const one of given) error instanceof RequestError ? one.restore() : one.given("RELEASED");
    throw error;
  } finally {
    resolve();
  }
}

/** A transfer whose token was outrun by a conversion is repeated, as a new request, with the token of now. */
async function outcomeOf(
  host: ChangeHost,
  { hold }: LockHandle,
  to: RequestRef,
  correlationId: string,
): Promise<Outcome> {
  for (;;) {
    const { holdId, token } = hold;
    const outcome = await change<"transfer", Outcome>(host, "transfer", (requestId) => ({
      request: () =>
        create(TransferRequestSchema, {
          requestId,
          answered: host.ids.answered(),
          holdId,
          token,
          toSessionId: to.sessionId,
          toRequestId: to.requestId,
          correlationId,
        }),
      outcome: (reply) => reply.outcome,
    }));
    if (outcome.case !== "notHeld") return outcome;
    await hold.conversions.end();
    if (hold.token === token) return outcome;
  }
}
