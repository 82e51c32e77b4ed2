import type { Http2ServerResponse } from "node:http2";
import { cancelled } from "./errors.ts";
import type { Call } from "./guard/call.ts";

/**
 * Writes past the RPC library. Settles when more may be written, or nothing can be any more.
 * @throws ConnectError CANCELLED when the caller is gone.
 */
export function writeBytes(
  response: Http2ServerResponse,
  bytes: Uint8Array,
  call: Call,
): Promise<void> | void {
  const { stream } = response;
  if (stream.destroyed) throw cancelled();
  if (response.write(bytes)) return;
  return new Promise((resolve) => {
    const settle = () => {
      stream.off("drain", settle);
      call.signal.removeEventListener("abort", settle);
      resolve();
    };
    stream.once("drain", settle);
    call.signal.addEventListener("abort", settle, { once: true });
  });
}
