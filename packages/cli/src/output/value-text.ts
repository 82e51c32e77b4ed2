const CHARACTERS_MAX = 64;

/** What a holder publishes as people read it: text when it is text, otherwise its bytes in hex. */
export function valueText(value: Uint8Array): string {
  const text = textOf(value) ?? `0x${Buffer.from(value).toString("hex")}`;
  return text.length <= CHARACTERS_MAX ? text : `${text.slice(0, CHARACTERS_MAX)}…`;
}

function textOf(value: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return undefined;
  }
}
