import type { RpcEnvironment } from "../environment.ts";
import { serverStopping } from "../errors.ts";
import type { Call } from "../guard/call.ts";

/** How long a server that stops lets calls be answered that may wait for replicas. */
export const STOP_GRACE_MS = 1_000;

/** Calls that may wait for replicas for a long time, and must not keep a server from stopping. */
export class WaitingCalls {
  readonly #calls = new Set<Call>();

  constructor({ stopping, clock }: Pick<RpcEnvironment, "stopping" | "clock">) {
    const endAll = () => {
      for (const call of [...this.#calls]) call.abort(serverStopping());
    };
    stopping.addEventListener("abort", () => clock.after(STOP_GRACE_MS, endAll), { once: true });
  }

  /** Waits for the reply of a call, which may end SERVER_STOPPING; its outcome is open then. */
  async answer<R>(call: Call, reply: Promise<R>): Promise<R> {
    this.#calls.add(call);
    try {
      return await reply;
    } finally {
      this.#calls.delete(call);
    }
  }
}
