import { JournalOpenError } from "../journal/journal.ts";
import { type CopiedJournal, copyJournal } from "../journal/sqlite/copy-journal.ts";
import type { JournalFiles } from "../journal/sqlite/files.ts";
import type { Mark } from "../journal/sqlite/mark.ts";
import { orRefuse } from "../journal/sqlite/refusals.ts";
import { DataFolderError } from "./data-folder-error.ts";
import type { NewFolder } from "./new-folder.ts";

/** How far a copy has come. */
export interface CopyProgress {
  readonly namespace: string;
  readonly revision: bigint;
  /** The revision at which it ends. */
  readonly tail: bigint;
}

/** What was copied of a namespace. */
export interface CopiedNamespace {
  readonly namespace: string;
  /** Of its last event. */
  readonly revision: bigint;
  readonly epoch: bigint;
  /** The size of the copy. */
  readonly bytes: number;
}

const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

/** What is copied, and where to. */
export interface NamespaceCopy {
  readonly namespace: string;
  readonly from: JournalFiles;
  readonly to: NewFolder;
  /** What the copy must hold; undefined: nothing in particular. */
  readonly mark: Mark | undefined;
  /** Whether it is certain that nobody writes to what is copied. */
  readonly isUnused: boolean;
  readonly onProgress: (progress: CopyProgress) => void;
}

/**
 * Copies the journal of a namespace into a new folder.
 * @throws JournalOpenError when it is damaged; DataFolderError when the copy cannot be written
 */
export function copyNamespace(copy: NamespaceCopy): CopiedJournal {
  const { namespace, from, to, mark, isUnused, onProgress } = copy;
  const target = to.addNamespace(namespace);
  return orRefuse(from, () => {
    try {
      return copyJournal(from, target, {
        mark,
        isUnused,
        onProgress: (revision, tail) => onProgress({ namespace, revision, tail }),
      });
    } catch (error) {
      // The source is only read: what cannot be written is the copy.
      throw isOfWriting(error) ? notWritten(to, error) : error;
    }
  });
}

/** What a copy is told as. */
export function copiedNamespace(namespace: string, copied: CopiedJournal): CopiedNamespace {
  const { revision, epoch } = copied.end;
  return { namespace, revision, epoch, bytes: copied.bytes };
}

function isOfWriting(error: unknown): error is Error {
  if (!(error instanceof Error) || error instanceof JournalOpenError) return false;
  const code = "errcode" in error ? Number(error.errcode) & 0xff : 0;
  return code === SQLITE_FULL || code === SQLITE_IOERR;
}

function notWritten({ path }: NewFolder, cause: Error): DataFolderError {
  return new DataFolderError(
    `The copy in ${path} could not be written (${cause.message}), and was removed: see that its disk has room.`,
    { cause },
  );
}
