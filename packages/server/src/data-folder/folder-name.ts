import { createHash } from "node:crypto";

// File systems stop at 255 bytes.
const MAX_ENCODED_LENGTH = 200;

/**
 * The name of a namespace's folder. Lower-case letters, digits, `-` and `_` stand for themselves, every
 * other byte of the UTF-8 form is `%` and two lower-case hex digits, so that two names differ even where
 * the file system ignores case or normalises Unicode. What would pass 200 characters is `~` and the
 * SHA-256 of the name in hex, which no encoded name looks like. A different name is a different folder.
 */
export function namespaceFolderName(namespace: string): string {
  const bytes = Buffer.from(namespace, "utf8");
  const encoded = Array.from(bytes, encodeByte).join("");
  if (encoded.length <= MAX_ENCODED_LENGTH) return encoded;
  return `~${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Whether a folder's name is the hash of its namespace's, which then stands in a file of the folder. */
export function isHashed(folder: string): boolean {
  return folder.startsWith("~");
}

/** The namespace whose folder has this name; undefined when no namespace's has, or the name is a hash. */
export function namespaceOfFolder(folder: string): string | undefined {
  if (!/^(?:[a-z0-9_-]|%[0-9a-f]{2})+$/.test(folder)) return undefined;
  const namespace = percentDecoded(folder);
  return namespace !== undefined && namespaceFolderName(namespace) === folder
    ? namespace
    : undefined;
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function encodeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
}
