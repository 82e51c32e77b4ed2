import type { NamespaceState } from "@lockstep/core";
import type { Limits } from "@lockstep/protocol";

/** How the state of a namespace becomes bytes and comes back. The bytes are the core's business. */
export interface StateCodec {
  /** The state as chunks of 1 byte to 1 MiB. The state must not change while they are taken. */
  encode(state: NamespaceState): Iterable<Uint8Array>;
  /**
   * The state that was encoded.
   * @throws Error when the chunks are no state this version can read
   */
  decode(chunks: AsyncIterable<Uint8Array>, limits: Limits): Promise<NamespaceState>;
}
