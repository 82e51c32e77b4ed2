import { ChurnMap } from "@lockstep/protocol";

/** Who listens to a signal: an AbortSignal itself looks at all its listeners whenever one comes or goes. */
class Listeners {
  readonly #listeners = new ChurnMap<number, () => void>();
  #last = 0;

  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => this.#tell(), { once: true });
  }

  add(listener: () => void): () => void {
    this.#last += 1;
    const id = this.#last;
    this.#listeners.set(id, listener);
    return () => void this.#listeners.delete(id);
  }

  #tell(): void {
    for (const [id, listener] of [...this.#listeners]) {
      // One that has been told may have stopped another.
      if (this.#listeners.delete(id)) tell(listener);
    }
  }
}

/** As a signal does it: what one listener throws keeps no other from being told. */
function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

const listenersOf = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls a listener when a signal aborts; returns the way to stop listening. To come and to go costs the same however
 * many listen, as thousands do to the server's end. A signal that has aborted calls nobody.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) {
    listeners = new Listeners(signal);
    listenersOf.set(signal, listeners);
  }
  return listeners.add(listener);
}
