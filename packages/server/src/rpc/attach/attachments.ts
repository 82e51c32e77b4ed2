import { attachSuperseded } from "../errors.ts";
import type { AttachStream } from "./attach-stream.ts";

/** The open Attach of each session: the newest one wins. */
export class Attachments {
  readonly #byNamespace = new Map<string, Map<bigint, AttachStream>>();

  /** Makes this the session's Attach and ends the one before. Returns the way to take it back. */
  open(namespace: string, sessionId: bigint, stream: AttachStream): () => void {
    let streams = this.#byNamespace.get(namespace);
    if (streams === undefined) {
      streams = new Map();
      this.#byNamespace.set(namespace, streams);
    }
    const open = streams;
    open.get(sessionId)?.stop(attachSuperseded());
    open.set(sessionId, stream);
    return () => {
      if (open.get(sessionId) === stream) open.delete(sessionId);
    };
  }
}
