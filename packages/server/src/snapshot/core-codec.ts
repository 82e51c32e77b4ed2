import { decodeSnapshot, encodeSnapshot } from "@lockstep/core";
import { nodeSha256 } from "../node-sha256.ts";
import type { StateCodec } from "./codec.ts";

/** The core's own encoding of its state. */
export const coreCodec: StateCodec = {
  encode: encodeSnapshot,
  async decode(chunks, limits) {
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(chunk);
    return decodeSnapshot(all, limits, nodeSha256);
  },
};
