import type {
  JournalFilter,
  JournalOpenProblem,
  JournalState,
  PageLimit,
  SnapshotPosition,
} from "../journal.ts";
import type { SnapshotHead } from "./checksums.ts";

/** What may take several turns of the worker, between which it commits; answered with `done`. */
export type Task =
  | { readonly kind: "beginSnapshot" }
  | { readonly kind: "addChunk"; readonly bytes: Uint8Array }
  | { readonly kind: "endSnapshot"; readonly position: SnapshotPosition }
  | { readonly kind: "snapshotHead" }
  | { readonly kind: "readChunk"; readonly number: bigint; readonly first: bigint }
  | { readonly kind: "compact"; readonly floor: bigint }
  | {
      readonly kind: "trimDataset";
      readonly datasetId: bigint;
      readonly floorSeq: bigint;
      readonly droppedSeq: bigint;
    }
  | { readonly kind: "dropDataset"; readonly datasetId: bigint }
  | { readonly kind: "datasetIds" };

/** What a task has found. */
export interface TaskResult {
  readonly state: JournalState;
  /** Of the snapshot asked for; undefined without one. */
  readonly head?: SnapshotHead | undefined;
  /** Of the chunk asked for; undefined when its snapshot was replaced. */
  readonly bytes?: Uint8Array | undefined;
  /** The datasets asked for. */
  readonly ids?: readonly bigint[];
}

/** What the worker thread is asked. Answers to appends come in the order of the appends. */
export type WorkerRequest =
  | {
      readonly kind: "append";
      /** An encoded batch; its buffer is handed over. */
      readonly batch: Uint8Array;
      /** What it writes into the tables of datasets, encoded; handed over too. */
      readonly rows: Uint8Array | undefined;
    }
  | {
      readonly kind: "read";
      readonly id: number;
      readonly after: bigint;
      readonly limit: PageLimit;
      readonly filter: JournalFilter;
    }
  | {
      readonly kind: "readTables";
      readonly id: number;
      /** Encoded reads; the buffer is handed over. */
      readonly reads: Uint8Array;
    }
  | { readonly kind: "task"; readonly id: number; readonly task: Task }
  | { readonly kind: "close" };

/** What the worker thread says. */
export type WorkerReply =
  | { readonly kind: "opened"; readonly state: JournalState; readonly notices: readonly string[] }
  | {
      readonly kind: "refused";
      /** Undefined when the reason is not one of the journal's own. */
      readonly problem: JournalOpenProblem | undefined;
      readonly message: string;
    }
  | {
      readonly kind: "appended";
      /** How many appends became durable together. */
      readonly count: number;
    }
  | {
      readonly kind: "failed";
      readonly deposed: boolean;
      readonly message: string;
    }
  | {
      readonly kind: "page";
      readonly id: number;
      /** Encoded records; the buffer is handed over. */
      readonly records: Uint8Array;
      readonly scannedTo: bigint;
      readonly more: boolean;
    }
  | {
      readonly kind: "tables";
      readonly id: number;
      /** The tail that they are as of. */
      readonly revision: bigint;
      /** Encoded results; the buffer is handed over. */
      readonly results: Uint8Array;
    }
  | { readonly kind: "done"; readonly id: number; readonly result: TaskResult }
  | { readonly kind: "closed" };
