import { TextDecoder } from "node:util";
import { malformed } from "../errors.ts";

// One byte of flags, then the length of the message.
const ENVELOPE_BYTES = 5;

/** Looks at the bytes of a body as they come. @throws ConnectError MALFORMED. */
type BodyCheck = (chunk: Uint8Array) => void;

/**
 * The check that the messages of a JSON body are UTF-8; undefined for a body of any other type. The RPC
 * library reads what is no UTF-8 as U+FFFD, which would make one key of two.
 */
export function jsonTextCheck(contentType: string): BodyCheck | undefined {
  const mime = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  if (mime === "application/json") return (chunk) => readText(decoder, chunk);
  return mime.endsWith("+json") ? envelopedTextCheck(decoder) : undefined;
}

/** Reads past the head of each envelope, whose bytes are numbers. */
function envelopedTextCheck(decoder: TextDecoder): BodyCheck {
  let head: number[] = [];
  let messageBytesLeft = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (messageBytesLeft === 0) {
        head.push(chunk[at] ?? 0);
        at += 1;
        if (head.length < ENVELOPE_BYTES) continue;
        messageBytesLeft = head.slice(1).reduce((length, byte) => length * 256 + byte, 0);
        head = [];
      } else {
        const text = chunk.subarray(at, at + messageBytesLeft);
        readText(decoder, text);
        messageBytesLeft -= text.length;
        at += text.length;
      }
    }
  };
}

/** A character may be cut where a chunk ends; one that a message ends within is no JSON anyway. */
function readText(decoder: TextDecoder, text: Uint8Array): void {
  try {
    decoder.decode(text, { stream: true });
  } catch {
    throw malformed("the message is JSON but not UTF-8");
  }
}
