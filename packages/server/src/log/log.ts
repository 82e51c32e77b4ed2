import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { Clock } from "../ports/clock.ts";

/** The levels of the log, least talkative first. */
export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;

/** One of the levels of the log. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The server's log: one JSON object per line. */
export type Log = Logger;

const MAX_TEXT_CHARACTERS = 256;
const MAX_BUFFERED_BYTES = 1024 * 1024;
const STDERR = 2;

/**
 * Makes the server's log. Lines go to standard error, asynchronously, so that a slow reader never
 * stops the server; when more than 1 MiB waits to be written, lines are dropped. `to` replaces standard
 * error.
 */
export function createLog(level: LogLevel, clock: Clock, to?: DestinationStream): Log {
  const stream = to ?? destination({ dest: STDERR, sync: false, maxLength: MAX_BUFFERED_BYTES });
  const timestamp = () => `,"time":${clock.unixMs()}`;
  return pino({ level, base: null, timestamp }, stream);
}

/**
 * Prepares a text that came from outside for the log: at most 256 characters. Control characters and
 * quotes are escaped by the log itself.
 */
export function logText(text: string): string {
  if (text.length <= MAX_TEXT_CHARACTERS) return text;
  return `${text.slice(0, MAX_TEXT_CHARACTERS)}…`;
}
