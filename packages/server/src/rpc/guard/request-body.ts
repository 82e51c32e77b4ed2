import { unlessAborted } from "../settle.ts";
import type { Call } from "./call.ts";
import { jsonTextCheck } from "./json-text.ts";

/**
 * The body of a request as a handler may read it: every byte counts for the principal, JSON must be
 * UTF-8, and a call whose time has passed does not wait for more. Leaving it early does not cut the
 * connection, so that the reply can still leave.
 */
export function requestBody(
  body: AsyncIterable<Uint8Array>,
  call: Call,
  contentType: string,
): AsyncIterable<Uint8Array> {
  const checkText = jsonTextCheck(contentType);
  const chunks = body[Symbol.asyncIterator]();
  // A stream reads for as long as it lives, and racing would keep every one of its reads in memory.
  const next =
    call.method.methodKind === "unary"
      ? () => unlessAborted(chunks.next(), call.signal)
      : () => chunks.next();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const chunk = await next();
        if (chunk.done) return chunk;
        call.bytes.take(chunk.value.byteLength);
        checkText?.(chunk.value);
        return chunk;
      },
      async return() {
        return { done: true, value: undefined };
      },
    }),
  };
}
