import { SessionState } from "@lockstep/protocol";
import type { Due, DueKind } from "./due.ts";
import type { NamespaceState } from "./state.ts";

/** Below so many, reminders of what is over are left to come up. */
const STALE_REMINDERS_MAX = 1_024;

/**
 * Makes sure that something is looked at when its time has come. What ends before its time leaves its
 * reminder behind; when those are most of all, they are swept out, so that short waits with long
 * limits do not pile up.
 */
export function remind(state: NamespaceState, kind: DueKind, id: bigint, atMs: number): void {
  const { due, sessions, tickets, delays, limitedHolds, datasets, replicationWaits } = state;
  due.add({ kind, id, atMs });
  const ofLocks = sessions.size + tickets.size + delays.size + limitedHolds;
  const useful = ofLocks + 2 * datasets.size + replicationWaits.size;
  if (due.size > 2 * useful + STALE_REMINDERS_MAX) due.retain((one) => matters(state, one));
}

function matters(state: NamespaceState, { kind, id, atMs }: Due): boolean {
  switch (kind) {
    case "lease":
      return state.sessions.get(id)?.state === SessionState.ACTIVE;
    case "forget":
      return state.sessions.has(id);
    case "wait":
      return state.tickets.has(id);
    case "maxHold":
      return state.holds.has(id);
    case "delay":
      return state.delays.has(id);
    case "checkpoint":
      return state.datasets.byId(id)?.checkpointReminderMs === atMs;
    case "replicaLease":
      return state.datasets.byId(id)?.leaseReminderMs === atMs;
    case "replicationWait":
      return state.replicationWaits.has(id);
    case "servedTime":
    case "grantPause":
      return true;
  }
}
