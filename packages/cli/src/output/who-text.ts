/** Who holds or waits, as people read it. */
export function whoText(by: { sessionId: bigint; displayName: string; owner: string }): string {
  const session = `session ${by.sessionId}`;
  const name = by.displayName === "" ? session : `${by.displayName} (${session})`;
  return by.owner === "" ? name : `${name}, owner ${by.owner}`;
}
