import type { NamespaceState } from "../state/state.ts";
import { encodeSnapshot } from "./encode.ts";

/**
 * A short text that is the same for equal states, and different for others but for a chance of one in
 * 2^64: to see whether two runs have led to the same. Covers what a snapshot covers; not a defence.
 */
export function stateDigest(state: NamespaceState): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (const chunk of encodeSnapshot(state)) {
    for (const byte of chunk) {
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b ^ byte, 0x85ebca6b);
      b ^= b >>> 13;
    }
  }
  return hex(a) + hex(b);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
