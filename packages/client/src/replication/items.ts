import { FRAME_BYTES_MAX } from "../attach/frames.ts";
import type { AttachStream } from "../attach/stream.ts";
import type { ItemReplies, ItemRequests } from "../calls/call.ts";
import { type Fault, FaultError, transportFault } from "../calls/fault.ts";

/** Calls of datasets under way on the Attach at most: far below what a server takes of all calls. */
export const ITEMS_MAX = 1_024;
/** How many bytes they have at most: what a renewal of the session may have to wait for. */
export const ITEM_BYTES_MAX = 1024 * 1024;

/** One call and how it ends. */
interface Item {
  /** About how long the request is. */
  readonly bytes: number;
  /** Ends it; the request itself may still arrive. */
  readonly signal: AbortSignal;
  /** How long the server looks for an answer, milliseconds. */
  readonly timeoutMs: number;
}

type DatasetKind = "append" | "ack";

/** Carries calls about datasets on the Attach of the session, all those of one tick in one frame. */
export class DatasetItems {
  readonly #openStream: () => AttachStream | undefined;
  #underWay = 0;
  #bytes = 0;

  constructor(openStream: () => AttachStream | undefined) {
    this.#openStream = openStream;
  }

  /**
   * Makes one call. Undefined when it must go as a call of its own: no Attach is open, the request does not fit in
   * a frame, or so much is under way that the session's own calls would wait for it.
   */
  send<K extends DatasetKind>(
    kind: K,
    request: ItemRequests[K],
    item: Item,
  ): Promise<ItemReplies[K]> | undefined {
    const { bytes } = item;
    if (bytes > FRAME_BYTES_MAX || this.#underWay >= ITEMS_MAX) return undefined;
    if (this.#bytes + bytes > ITEM_BYTES_MAX) return undefined;
    const stream = this.#openStream();
    return stream && this.#send(stream, kind, request, item);
  }

  #send<K extends DatasetKind>(
    stream: AttachStream,
    kind: K,
    request: ItemRequests[K],
    { bytes, signal, timeoutMs }: Item,
  ): Promise<ItemReplies[K]> {
    this.#underWay += 1;
    this.#bytes += bytes;
    return new Promise<ItemReplies[K]>((resolve, reject) => {
      const ended = () => {
        this.#underWay -= 1;
        this.#bytes -= bytes;
        signal.removeEventListener("abort", onAbort);
      };
      const reply = (message: ItemReplies[K]) => {
        ended();
        resolve(message);
      };
      const fault = (why: Fault) => {
        ended();
        reject(new FaultError(why));
      };
      const onAbort = () => {
        stop();
        fault(transportFault("the call was given up"));
      };
      signal.addEventListener("abort", onAbort);
      const stop = stream.send(kind, request, { reply, fault }, timeoutMs);
    });
  }
}
