import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";

// JSON allows them in strings, terminals act on them.
const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069\u061c\u200e\u200f]/g;

/** A value as one line of JSON, safe for a terminal. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A message of the protocol as one line of its JSON form, with every field present. */
export function messageLine<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): string {
  return jsonLine(toJson(schema, message, { alwaysEmitImplicit: true }));
}
