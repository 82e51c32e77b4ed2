/** The SHA-256 of a secret as a map key: one character for each byte, which takes the least memory. */
export function secretKey(secretSha256: Uint8Array): string {
  return String.fromCharCode(...secretSha256);
}

/** The bytes that `secretKey` was made of. */
export function secretBytes(key: string): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}

/** Whether a key is that of these bytes. Takes as long whether they are nearly the same or not at all. */
export function isSecret(key: string, secretSha256: Uint8Array): boolean {
  if (key.length !== secretSha256.length) return false;
  let difference = 0;
  for (let at = 0; at < key.length; at++)
    difference |= key.charCodeAt(at) ^ (secretSha256[at] as number);
  return difference === 0;
}
