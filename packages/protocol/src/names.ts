const MAX_NAME_BYTES = 512;
// The control characters are what the rule is about.
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Says which rule of a name (key, namespace, owner) `text` breaks, or undefined when it is a good
 * name: UTF-8 of 1 to 512 bytes, no U+0000-001F, no U+007F-009F, no unpaired surrogates.
 */
export function nameProblem(text: string): string | undefined {
  if (text.length === 0) return "must not be empty";
  return textProblem(text, MAX_NAME_BYTES);
}

/**
 * Says which rule of a text for people `text` breaks, or undefined: at most `maxBytes` bytes of
 * UTF-8, no control characters, no unpaired surrogates. May be empty.
 */
export function textProblem(text: string, maxBytes: number): string | undefined {
  if (CONTROL.test(text)) return "must not contain control characters (U+0000-001F, U+007F-009F)";
  if (!text.isWellFormed()) return "must not contain unpaired surrogates";
  if (utf8Length(text) > maxBytes) return `must not be longer than ${maxBytes} bytes of UTF-8`;
  return undefined;
}

/**
 * Orders names by the unsigned order of their UTF-8 bytes, which is the order of code points and not
 * that of JavaScript's UTF-16 code units. Negative when `a` comes first.
 */
export function compareNames(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates, which stand for code points above U+FFFF, behind all other code units. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** How many bytes of UTF-8 a text takes. An unpaired surrogate counts as 2. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit <= 0xdfff) bytes += 2;
    else bytes += 3;
  }
  return bytes;
}
