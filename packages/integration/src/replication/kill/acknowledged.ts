import { appendFileSync, existsSync, readFileSync, statSync } from "node:fs";

/** A batch that the server said it has. */
export interface AcknowledgedBatch {
  readonly lane: number;
  readonly number: number;
  /** Of its changes, in their order; decimal. */
  readonly seqs: readonly string[];
}

/** What the writer has been told, in a file: a killed one reads there where to go on. */
export class Acknowledged {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  add(batch: AcknowledgedBatch): void {
    appendFileSync(this.#path, `${JSON.stringify(batch)}\n`);
  }

  /** All of them, in the order in which they were acknowledged. */
  read(): AcknowledgedBatch[] {
    if (!existsSync(this.#path)) return [];
    const lines = readFileSync(this.#path, "utf8").split("\n");
    return lines.flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  }

  /** How large the file is, in bytes: it grows with each. */
  get size(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }
}
