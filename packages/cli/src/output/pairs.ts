import { tableLines } from "./table.ts";

/** Names with their values below one another. */
export function pairLines(pairs: readonly (readonly [name: string, value: string])[]): string[] {
  const [first, ...rest] = pairs;
  return first === undefined ? [] : tableLines(first, rest);
}
