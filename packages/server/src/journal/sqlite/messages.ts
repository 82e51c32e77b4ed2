import type { JournalFilter, JournalOpenProblem, JournalState, PageLimit } from "../journal.ts";

/** What the worker thread is asked. Answers to appends come in the order of the appends. */
export type WorkerRequest =
  | {
      readonly kind: "append";
      /** An encoded batch; its buffer is handed over. */
      readonly batch: Uint8Array;
    }
  | {
      readonly kind: "read";
      readonly id: number;
      readonly after: bigint;
      readonly limit: PageLimit;
      readonly filter: JournalFilter;
    }
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
  | { readonly kind: "closed" };
