/** The signals by which a person or a supervisor asks for the end. */
const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** What else is meant for the command. Its group gets nothing of it from the terminal by itself. */
const INFORMING: readonly NodeJS.Signals[] = ["SIGUSR1", "SIGUSR2", "SIGWINCH"];

/** Calls `handle` for every signal that asks for the end, which then does not come by itself. */
export function onEndingSignal(handle: (signal: NodeJS.Signals) => void): () => void {
  return listen(ENDING, handle);
}

/** What happens to a command whose wrapper gets signals. */
export interface SignalledCommand {
  /** Passes a signal on. */
  signal(name: NodeJS.Signals): void;
  /** Called when this process goes on after it was stopped, before the command goes on. */
  awake(): void;
}

/**
 * Passes signals on to a command. Stopped (Ctrl-Z), the command stops first, because while this process
 * stands still nobody renews the lock or watches its lease; it goes on only after a look at the lease.
 */
export function passSignals(command: SignalledCommand): () => void {
  const stops = [
    listen([...ENDING, ...INFORMING], (signal) => command.signal(signal)),
    listen(["SIGTSTP"], () => {
      // SIGTSTP would do nothing to a group that has no shell above it.
      command.signal("SIGSTOP");
      process.kill(process.pid, "SIGSTOP");
    }),
    listen(["SIGCONT"], () => {
      command.awake();
      command.signal("SIGCONT");
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function listen(
  signals: readonly NodeJS.Signals[],
  handle: (signal: NodeJS.Signals) => void,
): () => void {
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
