/** Bytes as hex digits. */
export function hexText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
