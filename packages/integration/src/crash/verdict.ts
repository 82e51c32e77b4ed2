import type { LockHistory } from "../history/lock-history.ts";
import type { Records, SeenHold } from "./records.ts";

/** What a run leaves behind. */
export interface RunResult {
  readonly records: Records;
  /** All of it, read after every client has been closed. */
  readonly history: LockHistory;
  readonly kills: number;
  /** Nobody was left without an answer for so long that a renewal may have come too late. */
  readonly keptUp: boolean;
}

/**
 * Compares what the clients saw with what the history tells, and both with the rules. How fast anything was makes no
 * difference but one: on a machine that did not keep up, a client may give up its session by its own rule.
 * @returns what broke a rule, in words; empty when nothing did
 */
export function violationsOf({ records, history, kills, keptUp }: RunResult): string[] {
  return [
    ...records.problems,
    ...history.violations,
    ...records.holds.flatMap((hold) => notInHistory(hold, history, keptUp)),
    ...overlaps(records.holds),
    ...(keptUp ? endsOfSessions(records, history) : []),
    ...(history.isQuiet ? [] : ["a hold or a waiter is left behind"]),
    ...(history.epochs.length === kills + 1
      ? []
      : [`${history.epochs.length} epochs after ${kills} kills`]),
  ];
}

/** Whoever renews keeps its session until it closes it. */
function endsOfSessions({ deadlinesPassed }: Records, history: LockHistory): string[] {
  return [
    ...[...deadlinesPassed].map((client) => `${client} could not renew in time`),
    ...history.expiries.map(({ client }) => `the session of ${client}, which renews, expired`),
    ...[...history.lost].map((token) => `the hold with token ${token} was lost`),
    ...history.openSessions.map((client) => `${client} was closed, but its session is open`),
  ];
}

/** No acknowledged grant, and no acknowledged release, may be lost. */
function notInHistory(hold: SeenHold, history: LockHistory, keptUp: boolean): string[] {
  const { client, key, token, holdId } = hold;
  const grant = history.grants.get(token);
  if (!grant) return [`${client} was granted ${key} with token ${token}: not in the history`];
  if (grant.key !== key || grant.holdId !== holdId || grant.client !== client) {
    return [`${client} was granted ${key} with token ${token}: the history tells of another grant`];
  }
  // A release is over for its client, too, when its session is.
  if (history.lost.has(token) && !keptUp) return [];
  if (!hold.released) return [`${client} was never told that ${key} with token ${token} is over`];
  return history.released.has(token)
    ? []
    : [`${client} released token ${token}: not in the history`];
}

/** Two clients never believe in the same lock at once, and tokens rise from one to the next. */
function overlaps(holds: readonly SeenHold[]): string[] {
  const violations: string[] = [];
  const last = new Map<string, SeenHold>();
  for (const hold of [...holds].sort((a, b) => a.fromMs - b.fromMs)) {
    const before = last.get(hold.key);
    last.set(hold.key, hold);
    if (!before) continue;
    const pair = `${hold.key}: ${before.client} with ${before.token}, ${hold.client} with ${hold.token}`;
    if (before.untilMs === undefined || before.untilMs > hold.fromMs) {
      violations.push(`two live holders of ${pair}`);
    }
    if (hold.token <= before.token) violations.push(`tokens do not rise on ${pair}`);
  }
  return violations;
}
