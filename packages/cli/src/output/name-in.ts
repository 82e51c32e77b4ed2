/** The name of an enum's value; one that only a newer version knows is told as unknown. */
export function nameIn(names: Readonly<Record<number, string>>, value: number): string {
  return names[value] ?? `unknown (${value})`;
}
