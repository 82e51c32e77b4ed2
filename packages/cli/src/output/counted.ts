/** How many there are of something whose plural has an s: `1 key`, `2 keys`. */
export function counted(count: number | bigint, unit: string): string {
  return `${count} ${unit}${BigInt(count) === 1n ? "" : "s"}`;
}
