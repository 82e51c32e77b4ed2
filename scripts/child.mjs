// How our scripts stand in front of the program they run: its signals, its exit code.
import { constants } from "node:os";

/** Passes on what ends this process to whichever child `current` names. */
export function forwardSignals(current) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // A terminal sends these two to the whole process group; twice would mean "at once" to a server.
      const alreadyThere = process.stdin.isTTY && signal !== "SIGTERM";
      if (!alreadyThere) current()?.kill(signal);
    });
  }
}

/** The exit code of a child, as a shell gives it: 128 and the signal's number when a signal ended it. */
export function exitCode(child) {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
