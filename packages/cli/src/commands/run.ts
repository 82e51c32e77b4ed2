import { constants, hostname } from "node:os";
import { basename } from "node:path";
import {
  type Client,
  type Lock,
  LockLostError,
  type LockModeName,
  NotGrantedError,
} from "@lockstep/client";
import { type Blocker, DEFAULT_LIMITS } from "@lockstep/protocol";
import { Command, Option } from "commander";
import { clientOf, type ServerOptions, withServerOptions } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { EXIT, exitCodeOfSignal, exitCodesHelp } from "../exit-codes.ts";
import { parseCount, parseDurationMs } from "../options/parse.ts";
import { printProblems } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { timeText } from "../output/time.ts";
import { runUnderLock } from "../run/run-under-lock.ts";
import { EndingSignals } from "../run/signals.ts";

interface RunOptions extends ServerOptions {
  readonly key?: readonly string[];
  readonly mode?: Lowercase<LockModeName>;
  readonly permits?: number;
  readonly wait?: number;
  readonly ttl: number;
  readonly grace?: number;
  readonly connectTimeout: number;
  readonly name?: string;
  readonly correlationId?: string;
}

const MODES: readonly LockModeName[] = ["EXCLUSIVE", "SHARED", "UPGRADABLE", "PERMITS"];
const CONNECT_TIMEOUT_DEFAULT_MS = 10_000;
const GRACE_DEFAULT_MS = 2_000;
// A renewal is sent after a third of the time to live, so that two thirds are left in good times.
const GRACE_SHARE_MAX = 1 / 3;
const NAME_CHARACTERS_MAX = 128;

const HELP = `
The command gets LOCKSTEP_KEY, LOCKSTEP_TOKEN (the fencing token) and LOCKSTEP_SEQUENCER (key/mode/token) in its
environment, and the standard streams. Of several keys, which are taken together or not at all, LOCKSTEP_KEY is the
first; LOCKSTEP_SEQUENCERS has the sequencer of each, one per line. It runs in a process group of its own; signals are
passed on to that group.

The lock is held until the command ends. When only the grace is left of the lease without an acknowledged renewal,
the group is sent TERM; when the lock is lost, KILL. Durations: 500ms, 15s, 2m, 1h.
${exitCodesHelp({
  [EXIT.failed]: "the server does not answer, or refuses; or the command's own",
  [EXIT.usage]: "a flag, argument or variable that cannot be used; or the command's own",
  [EXIT.lockLost]: "the lock was lost or could not be renewed, and the command was ended",
  [EXIT.notGranted]: "the lock was not granted; the command never ran",
  [EXIT.notExecutable]: "the command cannot be executed",
  [EXIT.notFound]: "the command was not found",
  "128+n": "the command was ended by signal n, or signal n came before it was started",
  other: "the command's own",
})}`;

/** `lockstep run`: runs a command while a lock is held. */
export function runCommand(end: (exitCode: number) => void): Command {
  return withServerOptions(new Command("run"))
    .summary("run a command while holding a lock")
    .description("Takes the lock KEY, runs COMMAND while it is held, and gives it back.")
    .usage("[options] KEY -- COMMAND [ARGUMENT...]")
    .argument("<KEY>", "the key of the lock")
    .argument("<COMMAND...>", "the command and its arguments, after --")
    .option("--key <KEY>", "one more key of the same lock; repeatable", collected)
    .addOption(
      new Option("--mode <MODE>", "how the keys are held (default exclusive, or permits)").choices(
        MODES.map((mode) => mode.toLowerCase()),
      ),
    )
    .option("--permits <COUNT>", "how many permits of each key (default 1)", parseCount)
    .option(
      "--wait <DURATION>",
      "how long to wait for the lock, 0 not at all (default: as long as the server allows)",
      parseDurationMs,
    )
    .addOption(
      new Option("--ttl <DURATION>", "how long the lock outlives this process")
        .argParser(parseDurationMs)
        .default(DEFAULT_LIMITS.default_ttl_ms, "15s"),
    )
    .option(
      "--grace <DURATION>",
      "time between TERM and the end of the lease, at most a third of --ttl (default: 2s, or that third)",
      parseDurationMs,
    )
    .addOption(
      new Option("--connect-timeout <DURATION>", "how long to look for the server")
        .argParser(parseDurationMs)
        .default(CONNECT_TIMEOUT_DEFAULT_MS, "10s"),
    )
    .option("--name <NAME>", "what others see of the holder (default: COMMAND on this host)")
    .option("--correlation-id <ID>", "stored in the events of the lock")
    .addHelpText("after", HELP)
    .action(async (key: string, command: string[], options: RunOptions) =>
      end(await run(key, command, options)),
    );
}

async function run(key: string, command: string[], options: RunOptions): Promise<number> {
  const [file = "", ...args] = command;
  const graceMs = graceOf(options);
  const { mode, permits } = options;
  if (permits !== undefined && mode !== undefined && mode !== "permits") {
    throw new CommandError(EXIT.usage, "--permits goes with --mode permits");
  }
  const client = clientOf(options, {
    ttlMs: options.ttl,
    displayName: options.name ?? nameOf(file),
    connectTimeoutMs: options.connectTimeout,
  });
  const interrupt = new AbortController();
  const signals = new EndingSignals((signal) => interrupt.abort(signal));
  try {
    const lock = await take(client, [key, ...(options.key ?? [])], options, interrupt.signal);
    const tell = (sentence: string) => printProblems([printable(sentence)]);
    return await runUnderLock(lock, { file, args, graceMs, tell }, signals);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    return exitCodeOfSignal(constants.signals[interrupt.signal.reason as NodeJS.Signals]);
  } finally {
    await client.close();
    signals.close();
  }
}

/** @param signal takes the request back; it then rejects */
async function take(
  client: Client,
  keys: readonly string[],
  { wait, correlationId, mode, permits }: RunOptions,
  signal: AbortSignal,
): Promise<Lock> {
  try {
    const lock = await client.acquire(keys, {
      signal,
      ...(mode !== undefined && { mode: mode.toUpperCase() as LockModeName }),
      ...(permits !== undefined && { permits }),
      ...(wait !== undefined && { waitMs: wait }),
      ...(correlationId !== undefined && { correlationId }),
    });
    signal.throwIfAborted();
    return lock;
  } catch (error) {
    throw notGranted(error);
  }
}

function notGranted(error: unknown): unknown {
  if (error instanceof LockLostError) return new CommandError(EXIT.notGranted, error.message);
  if (!(error instanceof NotGrantedError)) return error;
  const [first] = error.blockers;
  return new CommandError(
    EXIT.notGranted,
    first === undefined ? error.message : `${error.message}; ${blockerText(first, error.keys)}`,
  );
}

function blockerText(blocker: Blocker, keys: readonly string[]): string {
  const who = blocker.displayName || `session ${blocker.sessionId}`;
  const what = keys.length > 1 ? JSON.stringify(blocker.key) : "it";
  const since = timeText(blocker.sinceAtMs);
  return `${who} ${blocker.holdId > 0n ? "holds" : "waits for"} ${what} since ${since}`;
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function graceOf({ ttl, grace }: RunOptions): number {
  if (ttl < DEFAULT_LIMITS.min_ttl_ms || ttl > DEFAULT_LIMITS.max_ttl_ms) {
    throw new CommandError(EXIT.usage, "--ttl must be 2s to 1h");
  }
  const mostMs = Math.floor(ttl * GRACE_SHARE_MAX);
  if (grace === undefined) return Math.min(GRACE_DEFAULT_MS, mostMs);
  if (grace <= mostMs) return grace;
  const message = `--grace must be at most a third of --ttl, ${mostMs}ms`;
  throw new CommandError(EXIT.usage, message);
}

function nameOf(file: string): string {
  return printable(`${basename(file)} on ${hostname()}`).slice(0, NAME_CHARACTERS_MAX);
}
