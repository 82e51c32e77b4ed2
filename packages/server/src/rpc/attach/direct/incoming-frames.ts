import type { Readable } from "node:stream";
import {
  type AttachRequest,
  type Envelope,
  EnvelopeReader,
  EnvelopeTooLargeError,
  FrameQueue,
} from "@lockstep/protocol";
import { cancelled, malformed, messageTooLarge } from "../../errors.ts";
import type { Call } from "../../guard/call.ts";
import { decodeFrame } from "./decode-frame.ts";

/** Before each message: its flags and its length. */
const ENVELOPE_BYTES = 5;
/** How many frames may wait to be taken before no more is read. */
const FRAMES_WAITING_MAX = 4;

/** The frames of an Attach as they come. */
export interface IncomingFrames {
  readonly frames: AsyncIterableIterator<AttachRequest>;
  /** To be called once for each frame that was taken: it is dealt with, and its bytes count no more. */
  readonly done: () => void;
}

/** The frames of an Attach as they come out of its HTTP/2 stream. Every byte counts for the principal. */
export function incomingFrames(body: Readable, call: Call): IncomingFrames {
  const maxBytes = call.limits.max_request_bytes;
  const reader = new EnvelopeReader(maxBytes);
  const frames = new FrameQueue<AttachRequest>(() => {
    if (body.isPaused()) body.resume();
  });
  const sizes: number[] = [];
  body.on("data", (chunk: Uint8Array) => {
    // What comes after the end is read and thrown away, so that the connection goes on.
    if (frames.hasEnded) return;
    try {
      call.bytes.take(chunk.byteLength);
      for (const envelope of reader.read(chunk)) {
        frames.push(frameOf(envelope));
        sizes.push(ENVELOPE_BYTES + envelope.message.byteLength);
      }
    } catch (error) {
      const isTooLarge = error instanceof EnvelopeTooLargeError;
      frames.end(isTooLarge ? messageTooLarge(error.bytes, maxBytes) : error);
    }
    if (frames.length >= FRAMES_WAITING_MAX) body.pause();
  });
  body.once("end", () => {
    frames.end(reader.isInside ? malformed("the stream ended inside a message") : undefined);
  });
  body.once("error", (error) => frames.end(error));
  body.once("close", () => frames.end(cancelled()));
  return { frames, done: () => call.bytes.give(sizes.shift() ?? 0) };
}

function frameOf({ flags, message }: Envelope): AttachRequest {
  if (flags !== 0) throw malformed("an envelope has flags, but nothing was agreed on for them");
  try {
    return decodeFrame(message);
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : String(error));
  }
}
