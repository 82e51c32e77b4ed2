import type { JournalPosition } from "../journal.ts";
import type { IndexLimits } from "./indexer.ts";

/** How a store is opened. */
export interface StoreOptions {
  /** The folder of the namespace. The lock of the data folder must be held. */
  readonly folder: string;
  /** Accept a missing end and begin a new lineage, at this revision and epoch or above. */
  readonly newLineage?: JournalPosition | undefined;
  /** The most bytes the database file may have; default: what SQLite can hold. */
  readonly maxDatabaseBytes?: number | undefined;
  /** How the index is cut; for tests. */
  readonly indexLimits?: IndexLimits;
}
