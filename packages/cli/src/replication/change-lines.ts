import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ChangeOp, DEFAULT_LIMITS, type NewChange, NewChangeSchema } from "@lockstep/protocol";
import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";

/** A batch of changes, and the number of the last line it is from. */
export interface LineBatch {
  readonly changes: readonly NewChange[];
  readonly lastLine: number;
}

const MAX_CHANGES = DEFAULT_LIMITS.max_append_changes;
/** Far below the limit of a batch, so that a line more never exceeds it. */
const FULL_BYTES = DEFAULT_LIMITS.max_append_bytes / 4;

/**
 * The changes that the lines of a file, or of standard input, say, as the protocol's NewChange in JSON, in batches that
 * an append takes. Without an op a line is a PUT; fields that a NewChange does not have are not looked at, so that the
 * lines of `lockstep scan --json` are changes, too.
 * @param file its path, or - for standard input
 * @throws CommandError for a line that says no change; all before it have been given
 */
export async function* changeBatches(file: string): AsyncGenerator<LineBatch> {
  const input = file === "-" ? process.stdin : createReadStream(file);
  let changes: NewChange[] = [];
  let bytes = 0;
  let lastLine = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      lastLine += 1;
      if (text.trim() === "") continue;
      const change = changeOf(text, lastLine);
      changes.push(change);
      bytes += change.key.length + change.value.length;
      if (changes.length < MAX_CHANGES && bytes < FULL_BYTES) continue;
      yield { changes, lastLine };
      changes = [];
      bytes = 0;
    }
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new CommandError(EXIT.usage, `--lines cannot be read: ${error.message}`);
  }
  if (changes.length > 0) yield { changes, lastLine };
}

function changeOf(text: string, line: number): NewChange {
  let problem = "";
  try {
    const json = JSON.parse(text) as JsonObject;
    const change = fromJson(NewChangeSchema, json, { ignoreUnknownFields: true });
    if (change.op === ChangeOp.UNSPECIFIED) change.op = ChangeOp.PUT;
    if (change.key.length > 0) return change;
    problem = "it has no key";
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  throw new CommandError(
    EXIT.usage,
    `line ${line} is no change: ${problem}. Give the protocol's NewChange as JSON, with key and value in base64`,
  );
}
