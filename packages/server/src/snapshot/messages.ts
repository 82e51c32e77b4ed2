import type { Limits } from "@lockstep/protocol";
import type { SnapshotPosition } from "../journal/journal.ts";

/** Of what a snapshot is made. */
export interface MakerTask {
  readonly limits: Limits;
  /** What the snapshot to begin with is of; undefined: begin at nothing. */
  readonly snapshot: SnapshotPosition | undefined;
}

/** What the thread is told, each in answer to something it asked for, or to have a snapshot or its next chunk. */
export type MakerRequest =
  /** Asks for a snapshot; that before it was taken to its end. */
  | { readonly kind: "make"; readonly task: MakerTask }
  /** A chunk of the snapshot to begin with; undefined after the last. */
  | { readonly kind: "snapshotChunk"; readonly bytes: Uint8Array | undefined }
  /** Encoded records, whose buffer is handed over; undefined after the last. */
  | { readonly kind: "page"; readonly records: Uint8Array | undefined }
  /** Asks for the next chunk of what was made. */
  | { readonly kind: "nextChunk" };

/** What the thread says. */
export type MakerReply =
  | { readonly kind: "wantsSnapshotChunk" }
  | { readonly kind: "wantsPage" }
  /** The state is rebuilt; chunks can be asked for. */
  | { readonly kind: "made"; readonly position: SnapshotPosition }
  /** The next chunk, whose buffer is handed over; undefined after the last. */
  | { readonly kind: "chunk"; readonly bytes: Uint8Array | undefined }
  | { readonly kind: "failed"; readonly message: string };
