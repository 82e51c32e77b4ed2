/** A rule that did not hold. */
export class Violation extends Error {
  override readonly name = "Violation";
  /** Which one; a shrunk run must break the same. */
  readonly rule: string;

  constructor(rule: string, what: string) {
    super(`${rule}: ${what}`);
    this.rule = rule;
  }
}

/** @throws Violation unless the condition holds */
export function demand(condition: boolean, rule: string, what: () => string): asserts condition {
  if (!condition) throw new Violation(rule, what());
}
