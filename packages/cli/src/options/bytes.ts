import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";

const HEX = /^(?:[0-9a-f]{2})*$/i;

/** The bytes that an argument means: its text as UTF-8 or, with `--hex`, what its hex digits say. */
export function bytesOf(text: string, hex: boolean | undefined): Uint8Array {
  if (hex !== true) return new TextEncoder().encode(text);
  if (HEX.test(text)) return new Uint8Array(Buffer.from(text, "hex"));
  throw new CommandError(EXIT.usage, "with --hex keys are given as pairs of hex digits: 00ff");
}
