import { type DestinationStream, type Logger, pino } from "pino";
import { type Clock, systemClock } from "../ports/clock.ts";
import { LogOutput } from "./log-output.ts";

/** The levels of the log, least talkative first. */
export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;

/** One of the levels of the log. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The server's log: one JSON object per line. */
export type Log = Logger;

const MAX_TEXT_CHARACTERS = 256;
const STDERR = 2;

/** One for all servers of this process, so that their lines stay whole. */
let standardError: LogOutput | undefined;

/**
 * Makes the server's log. Lines go to standard error, asynchronously, so that a slow reader never
 * stops the server; when more than 1 MiB waits to be written, or they cannot be written, lines are dropped.
 * `to` replaces standard error.
 */
export function createLog(level: LogLevel, clock: Clock, to?: DestinationStream): Log {
  const timestamp = () => `,"time":${clock.unixMs()}`;
  return pino({ level, base: null, timestamp }, to ?? toStandardError());
}

function toStandardError(): LogOutput {
  if (standardError === undefined) {
    const output = new LogOutput(STDERR, systemClock);
    process.on("exit", () => output.flush());
    standardError = output;
  }
  return standardError;
}

/**
 * Prepares a text that came from outside for the log: at most 256 characters. Control characters and
 * quotes are escaped by the log itself.
 */
export function logText(text: string): string {
  if (text.length <= MAX_TEXT_CHARACTERS) return text;
  return `${text.slice(0, MAX_TEXT_CHARACTERS)}…`;
}
