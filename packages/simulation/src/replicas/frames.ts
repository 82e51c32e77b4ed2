import type { SubscribeResponse } from "@lockstep/protocol";

/** What can become of the changes of a subscription on their way. */
export const FRAME_FAULTS = ["dropped", "repeated", "swapped"] as const;
/** One of them. */
export type FrameFault = (typeof FRAME_FAULTS)[number];

/** What a subscription brings, with what something between the two does to it. */
export class Frames {
  readonly #onFault: (fault: FrameFault) => void;
  #next: FrameFault | undefined;

  /** @param onFault called when it has happened */
  constructor(onFault: (fault: FrameFault) => void) {
    this.#onFault = onFault;
  }

  /** The next changes go wrong like this; undefined: they do not. */
  fail(fault: FrameFault | undefined): void {
    this.#next = fault;
  }

  async *through(frames: AsyncIterable<SubscribeResponse>): AsyncGenerator<SubscribeResponse> {
    let held: SubscribeResponse | undefined;
    for await (const frame of frames) {
      const fault = frame.part.case === "changes" && !held ? this.#next : undefined;
      if (fault !== undefined) {
        this.#next = undefined;
        this.#onFault(fault);
      }
      if (fault === "swapped") held = frame;
      if (fault === "dropped" || fault === "swapped") continue;
      yield frame;
      if (fault === "repeated") yield frame;
      if (held !== undefined && frame.part.case === "changes") {
        yield held;
        held = undefined;
      }
    }
  }
}
