import type { ActionKind } from "../actions/kind.ts";
import type { Chance } from "../chance.ts";
import { CLOCK_RATE_MAX, CLOCK_RATE_MIN, type ClockSettings } from "../time/process-clock.ts";
import type { Action, Config } from "./config.ts";

/** The clocks of a machine. */
export function drawClock(chance: Chance): ClockSettings {
  return {
    rate: chance.pick([1, 1, CLOCK_RATE_MIN, CLOCK_RATE_MAX]),
    monotonicMs: chance.whole(0, 1_000_000),
    wallOffsetMs: chance.pick([0, -86_400_000, 3_000, 86_400_000]),
    sleepStopsMonotonic: chance.yes(0.5),
  };
}

/** Some of the kinds, each with this probability. */
export function someOf(
  kinds: Readonly<Record<string, ActionKind>>,
  share: number,
  chance: Chance,
): Record<string, ActionKind> {
  return Object.fromEntries(Object.entries(kinds).filter(() => chance.yes(share)));
}

/** So many actions of these kinds, at any time of the run. */
export function drawActions(
  kinds: Record<string, ActionKind>,
  count: number,
  chance: Chance,
  config: Config,
): Action[] {
  const entries = Object.entries(kinds);
  const total = entries.reduce((sum, [, { weight }]) => sum + weight, 0);
  return Array.from({ length: count }, () => {
    let left = chance.between(0, total);
    const [name, definition] =
      entries.find(([, { weight }]) => {
        left -= weight;
        return left < 0;
      }) ?? (entries[0] as [string, ActionKind]);
    const atMs = Math.round(chance.between(0, config.durationMs));
    return { atMs, kind: name, ...definition.draw(chance, config) };
  });
}
