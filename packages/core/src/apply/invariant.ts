/** An event does not fit the state it meets: a broken invariant. The namespace must stop. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** What must be there; an event that names something unknown is a broken invariant. */
export function required<T>(value: T | undefined, what: string, id: bigint): T {
  if (value === undefined) throw new InvariantError(`${what} ${id} is not known`);
  return value;
}

/** What must hold. The message is made when it is wanted: what is checked holds a million times. */
export function invariant(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new InvariantError(message());
}
