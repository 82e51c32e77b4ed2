import { type Clock, systemClock } from "@lockstep/client";
import { printProblems } from "./print.ts";

/** How often progress is told, milliseconds. */
const EVERY_MS = 1_000;

/** How far long work has come. */
export interface Progressed {
  readonly done: number;
  /** What there is in all, as far as it is known. */
  readonly total: number | undefined;
  /** What was done already when the work began, as of a copy that goes on where it was broken off. Default 0. */
  readonly from?: number;
}

/**
 * Says how far long work has come, on standard error: at most once a second, and nothing of work that takes less.
 * @param what the work
 * @param unit what is counted
 */
export function progressReporter(
  what: string,
  unit: string,
  clock: Clock = systemClock,
): (progressed: Progressed) => void {
  const beganMs = clock.monotonicMs();
  let toldMs = beganMs;
  return (progressed) => {
    const nowMs = clock.monotonicMs();
    const isOver = progressed.done === progressed.total;
    if (isOver || nowMs - toldMs < EVERY_MS) return;
    toldMs = nowMs;
    printProblems([`${what}: ${progressText(progressed, unit, nowMs - beganMs)}`]);
  };
}

/** How far work has come that began `elapsedMs` ago: how much, how fast, and how long it takes still. */
export function progressText(
  { done, total, from = 0 }: Progressed,
  unit: string,
  elapsedMs: number,
): string {
  const perSecond = ((done - from) * 1_000) / elapsedMs;
  const rate = `${numberText(Math.round(perSecond))}/s`;
  if (total === undefined) return `${numberText(done)} ${unit}, ${rate}`;
  const left = perSecond > 0 ? `, ${leftText(Math.max(0, total - done) / perSecond)} left` : "";
  return `${numberText(done)} of ${numberText(total)} ${unit}, ${rate}${left}`;
}

function leftText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${whole % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** With a comma every three digits, whatever the language of the machine. */
function numberText(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}
