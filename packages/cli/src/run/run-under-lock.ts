import { type Lock, RequestError, systemClock } from "@lockstep/client";
import { EXIT } from "../exit-codes.ts";
import { durationText } from "../output/time.ts";
import { CommandGroup } from "./command-group.ts";
import { LeaseGuard } from "./lease-guard.ts";
import { type EndingSignals, passSignals } from "./signals.ts";

/** What is run under a lock. */
export interface LockedCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** How long before the end of the lease the command is asked to end, milliseconds. */
  readonly graceMs: number;
  /** Told what the command's user should know. */
  readonly tell: (sentence: string) => void;
}

/**
 * Runs a command while a lock is held, and gives the lock back.
 * @param signals who gets the signals that ask for the end, from here on
 * @returns the exit code: the command's own unless the lock was lost
 */
export async function runUnderLock(
  lock: Lock,
  command: LockedCommand,
  signals: EndingSignals,
): Promise<number> {
  const stopPassing = passSignals({
    signal: (name) => group.signal(name),
    awake: () => guard.look(),
  });
  const group = new CommandGroup(command.file, command.args, {
    LOCKSTEP_KEY: lock.key,
    LOCKSTEP_TOKEN: String(lock.token),
    LOCKSTEP_SEQUENCER: lock.sequencer,
    LOCKSTEP_SEQUENCERS: lock.targets.map(({ key }) => lock.sequencerOf(key)).join("\n"),
  });
  signals.handOver((name) => group.signal(name));
  const guard = guardOf(lock, group, command);
  try {
    await group.started;
  } catch (error) {
    // Nothing runs under the lock: that it is given back ends nothing.
    guard.stop();
    stopPassing();
    throw error;
  }
  const exitCode = await group.ended;
  // The command is over; whoever does not want to wait for the server to hear of it need not.
  signals.handOver(() => process.exit(exitCode));
  stopPassing();
  // What it has started may still believe in the lock.
  if (guard.acted) group.signal("SIGKILL");
  guard.stop();
  await giveBack(lock, command);
  if (lock.state === "LOST") {
    const { reason } = await lock.lost;
    command.tell(`the lock ${JSON.stringify(lock.key)} (token ${lock.token}) was lost: ${reason}`);
    return EXIT.lockLost;
  }
  return guard.acted ? EXIT.lockLost : exitCode;
}

function guardOf(lock: Lock, group: CommandGroup, { graceMs, tell }: LockedCommand): LeaseGuard {
  const name = JSON.stringify(lock.key);
  return new LeaseGuard(lock, systemClock, graceMs, {
    warn: () => {
      group.signal("SIGTERM");
      const left = durationText(BigInt(Math.ceil(lock.remainingMs)));
      tell(`no renewal of the lock ${name} is acknowledged: sent TERM, KILL follows in ${left}`);
    },
    end: () => {
      group.signal("SIGKILL");
      tell(`the lock ${name} is lost: sent KILL`);
    },
  });
}

async function giveBack(lock: Lock, { tell }: LockedCommand): Promise<void> {
  try {
    await lock.release();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    // The session is closed next, and the lock with it.
    tell(`the lock ${JSON.stringify(lock.key)} could not be released: ${error.message}`);
  }
}
