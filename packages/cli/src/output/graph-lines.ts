import type { Blocker, Wait } from "@lockstep/protocol";
import { modeText } from "./mode-text.ts";
import { tableLines } from "./table.ts";
import { timeText } from "./time.ts";
import { whoText } from "./who-text.ts";

const HEADING = ["KEY", "WHO WAITS", "WANTS", "SINCE", "FOR WHOM"];

/** Who waits for whom, as a table: a row for each pair. */
export function graphLines(waits: readonly Wait[]): string[] {
  const rows = waits.flatMap(rowsOf);
  return rows.length > 0 ? tableLines(HEADING, rows) : ["Nobody waits for anybody."];
}

function rowsOf({ waiter, waitsFor }: Wait): string[][] {
  if (waiter === undefined) return [];
  const { key, mode, permits, sinceAtMs } = waiter;
  const left = [key, whoText(waiter), modeText(mode, permits), timeText(sinceAtMs)];
  const right = waitsFor.map(blockerText);
  if (right.length === 0) return [left];
  return right.map((text, index) => [...(index === 0 ? left : left.map(() => "")), text]);
}

function blockerText(blocker: Blocker): string {
  const { holdId, mode, permits } = blocker;
  const how = holdId > 0n ? "holds" : "waits before it";
  return `${whoText(blocker)} ${how}, ${modeText(mode, permits)}`;
}
