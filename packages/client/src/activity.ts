import type { Clock, Timer } from "./ports/clock.ts";

/** Keeps the process alive while anything is under way. */
export class Activity {
  readonly #clock: Clock;
  #count = 0;
  #awake: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something has begun. Returns the way to say that it has ended. */
  begin(): () => void {
    this.#count += 1;
    this.#awake ??= this.#clock.stayAwake();
    let under = true;
    return () => {
      if (!under) return;
      under = false;
      this.#count -= 1;
      if (this.#count > 0) return;
      this.#awake?.cancel();
      this.#awake = undefined;
    };
  }
}
