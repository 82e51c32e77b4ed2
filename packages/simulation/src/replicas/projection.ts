import type { Apply, MemoryUser } from "@lockstep/replica";

/** The beginning of a value on which the user's code fails as long as anything may go wrong. */
export const POISON = "poison";

/** When the user's code fails. */
export interface ProjectionFailures {
  /** Whatever it is given: what it writes to is away. */
  readonly isAway: () => boolean;
  /** On what is poison. */
  readonly failsOnPoison: () => boolean;
}

/** What a user does with changes: a table of its own with the values as text. */
export function projection({ isAway, failsOnPoison }: ProjectionFailures): Apply<MemoryUser> {
  return ({ op, key, value }, table) => {
    if (isAway()) throw new Error("the user's database is away");
    const name = Buffer.from(key).toString();
    if (op === "DELETE") {
      table.delete(name);
      return;
    }
    const text = Buffer.from(value).toString();
    if (text.startsWith(POISON) && failsOnPoison())
      throw new Error("the user's code cannot take this");
    table.set(name, text);
  };
}

/** Whether the user's table is exactly what the rows make of it. */
export function isProjected(
  table: ReadonlyMap<string, unknown>,
  rows: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[],
): boolean {
  return (
    table.size === rows.length &&
    rows.every(
      ({ key, value }) => table.get(Buffer.from(key).toString()) === Buffer.from(value).toString(),
    )
  );
}
