/** Why a snapshot cannot be read. */
export type SnapshotProblem =
  /** A newer version has written it. */
  | "NEWER_FORMAT"
  /** Its bytes are no snapshot, or not all of one, or contradict themselves. */
  | "DAMAGED";

/** A snapshot that gives no state. Nothing must be served from it. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
  /** What is wrong, for programs. */
  readonly problem: SnapshotProblem;

  constructor(problem: SnapshotProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

/** The refusal of bytes that are no snapshot. */
export function damaged(what: string, cause?: unknown): SnapshotError {
  return new SnapshotError(
    "DAMAGED",
    `the snapshot is damaged: ${what}; recover from the events before it, or from a backup`,
    { cause },
  );
}
