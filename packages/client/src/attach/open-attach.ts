import { createClient, type Transport } from "@connectrpc/connect";
import { type AttachRequest, type AttachResponse, SessionService } from "@lockstep/protocol";

/**
 * Opens an Attach: sends the frames it is given and yields those of the server, until either side ends or the signal
 * aborts. What it throws is read by `faultOf`.
 */
export type OpenAttach = (
  requests: AsyncIterable<AttachRequest>,
  options: { readonly signal: AbortSignal },
) => AsyncIterable<AttachResponse>;

/** Attach over any transport of the RPC library. */
export function attachOver(transport: Transport): OpenAttach {
  const service = createClient(SessionService, transport);
  return (requests, options) => service.attach(requests, options);
}
