/** The signals by which a person or a supervisor asks for the end. */
const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** What else is meant for the command. Its group gets nothing of it from the terminal by itself. */
const INFORMING: readonly NodeJS.Signals[] = ["SIGUSR1", "SIGUSR2", "SIGWINCH"];

/**
 * Listens to the signals that ask for the end, without a gap between those who handle them in turn: a
 * signal nobody listens to would end this process and leave its command alone.
 */
export class EndingSignals {
  #handle: (signal: NodeJS.Signals) => void;
  readonly #stop: () => void;

  constructor(handle: (signal: NodeJS.Signals) => void) {
    this.#handle = handle;
    this.#stop = listen(ENDING, (signal) => this.#handle(signal));
  }

  /** From now on this handles them. */
  handOver(handle: (signal: NodeJS.Signals) => void): void {
    this.#handle = handle;
  }

  /** From now on they end the process by themselves again. */
  close(): void {
    this.#stop();
  }
}

/** A command whose wrapper gets signals. */
export interface SignalledCommand {
  /** Passes a signal on. */
  signal(name: NodeJS.Signals): void;
  /** Called when this process goes on after it was stopped, before the command goes on. */
  awake(): void;
}

/**
 * Passes on to a command what is not about its end. Stopped (Ctrl-Z), the command stops first, because
 * while this process stands still nobody renews the lock or watches its lease; it goes on only after a
 * look at the lease.
 */
export function passSignals(command: SignalledCommand): () => void {
  const stops = [
    listen(INFORMING, (signal) => command.signal(signal)),
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
