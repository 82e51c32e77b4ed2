/** One place where a rule does not hold. */
export interface Finding {
  /** From the root of the repository, with `/`. */
  path: string;
  /** From 1. */
  line: number;
  message: string;
}

export function show({ path, line, message }: Finding): string {
  return `${path}:${line} ${message}`;
}
