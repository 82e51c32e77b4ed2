// Control characters, among them those that begin an escape sequence, and those that turn the direction
// of text around: what a name says must be what a reader sees.
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\p{Cs}]/gu;

/** A text from elsewhere as a terminal may see it: what is not a plain character becomes `\u{…}`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const codePoint = character.codePointAt(0) ?? 0;
    return `\\u{${codePoint.toString(16)}}`;
  });
}
