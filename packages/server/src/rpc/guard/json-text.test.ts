import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { expect, test } from "vitest";
import { jsonTextCheck } from "./json-text.ts";

const GOOD = new TextEncoder().encode('{"key":"\u{e9}\u{8a9e}\u{10000}"}');
const BAD = new Uint8Array([0x22, 0xe9, 0x22]);

/** Hands a body on byte by byte. */
function read(contentType: string, body: Uint8Array): void {
  const check = jsonTextCheck(contentType);
  for (const byte of body) check?.(new Uint8Array([byte]));
}

test.each([
  ["application/json", GOOD],
  ["application/json; charset=utf-8", GOOD],
  ["application/connect+json", Buffer.concat([encodeEnvelope(0, GOOD), encodeEnvelope(0, GOOD)])],
  // The length itself is no UTF-8.
  ["application/grpc+json", encodeEnvelope(0, new Uint8Array(0xff).fill(0x20))],
  ["application/proto", BAD],
  ["application/grpc", encodeEnvelope(0, BAD)],
])("%s may hold any text, wherever its bytes are cut", (contentType, body) => {
  expect(() => read(contentType, body)).not.toThrow();
});

test.each([
  ["application/json", BAD],
  ["Application/JSON ; charset=utf-8", BAD],
  ["application/grpc-web+json", encodeEnvelope(0, BAD)],
  ["application/connect+json", Buffer.concat([encodeEnvelope(0, GOOD), encodeEnvelope(0, BAD)])],
])("%s must be UTF-8 [GEN-45]", (contentType, body) => {
  expect(() => read(contentType, body)).toThrow("not UTF-8");
});
