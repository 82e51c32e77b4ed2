import { sha256 } from "@noble/hashes/sha2.js";

/**
 * SHA-256 of `input`, as 32 bytes that belong to the caller. It is synchronous, and must not keep `input`, which is
 * often a buffer that is filled again.
 */
export type Sha256 = (input: Uint8Array) => Uint8Array;

/** SHA-256 in plain JavaScript, which runs everywhere. */
export const portableSha256: Sha256 = (input) => sha256(input);

/**
 * SHA-256 from a platform's function that gives the hash as a string of 32 characters U+0000 to U+00FF, such as Node's
 * `(input) => hash("sha256", input, "binary")`. Node takes four times as long to make a Buffer for a hash as it takes
 * to compute it, and the portable function as long for short inputs, longer for long ones.
 */
export function sha256FromBinaryString(hash: (input: Uint8Array) => string): Sha256 {
  return (input) => {
    const text = hash(input);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = text.charCodeAt(at);
    return bytes;
  };
}
