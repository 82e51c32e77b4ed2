import {
  EpochCause,
  type EpochStarted,
  type ServedTimeAdvanced,
  type SessionEnded,
  type SessionForgotten,
  type SessionOpened,
  SessionState,
} from "@lockstep/protocol";
import { nameIn } from "../name-in.ts";
import { durationText } from "../time.ts";
import type { Facts } from "./facts.ts";

/** Events of the namespace itself and of its sessions. */
export const sessionEvents = {
  epochStarted: ({ epoch, cause, serverVersion, grantPauseMs }: EpochStarted): Facts => ({
    epoch: String(epoch),
    cause: nameIn(EpochCause, cause),
    version: serverVersion,
    pause: grantPauseMs > 0n ? durationText(grantPauseMs) : "",
  }),
  sessionOpened: ({ sessionId, ttlMs, displayName }: SessionOpened): Facts => ({
    session: String(sessionId),
    ttl: durationText(ttlMs),
    name: displayName,
  }),
  sessionEnded: ({ sessionId, state }: SessionEnded): Facts => ({
    session: String(sessionId),
    state: nameIn(SessionState, state),
  }),
  sessionForgotten: ({ sessionId }: SessionForgotten): Facts => ({ session: String(sessionId) }),
  servedTimeAdvanced: ({ servedMs }: ServedTimeAdvanced): Facts => ({
    served: durationText(servedMs),
  }),
};
