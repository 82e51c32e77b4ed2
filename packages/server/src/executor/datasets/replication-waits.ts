import type { SettledWait } from "@lockstep/core";
import type { ReplyHeader } from "@lockstep/protocol";
import type { OpenReply } from "../open-reply.ts";

/** Replies that wait until replicas have applied what was appended; core bounds and ends the waits. */
export class ReplicationWaits {
  readonly #byId = new Map<bigint, { pending: OpenReply; header: ReplyHeader }>();

  /** `header` is that of the decision, which the wait does not change. */
  add(waitId: bigint, pending: OpenReply, header: ReplyHeader): void {
    this.#byId.set(waitId, { pending, header });
  }

  /** The way to give a wait that has ended its reply; undefined when nobody waits. */
  end({ waitId, reply }: SettledWait): (() => void) | undefined {
    const waiting = this.#byId.get(waitId);
    if (waiting === undefined) return undefined;
    this.#byId.delete(waitId);
    return () => waiting.pending.resolve({ ...reply, header: waiting.header });
  }
}
