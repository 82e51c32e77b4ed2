import { type Change, ChangeOp, type Checkpoint } from "@lockstep/protocol";
import { hexText } from "./hex.ts";
import { nameIn } from "./name-in.ts";
import { printable } from "./printable.ts";
import { timeText } from "./time.ts";
import { valueText } from "./value-text.ts";

const SEQ_WIDTH = 6;
const OP_WIDTH = 10;

/** A change of a dataset as one line for people. */
export function changeLine(change: Change): string {
  const { seq, timestampMs, op, key, value, schemaVersion } = change;
  const about = Object.entries({
    // What a control entry stores is a message of the protocol, and says nothing to people.
    value: op === ChangeOp.PUT ? JSON.stringify(valueText(value)) : "",
    version: schemaVersion === 0 ? "" : String(schemaVersion),
    origin: change.origin,
    id: change.idempotencyKey,
    correlation: change.correlationId,
  })
    .filter(([, text]) => text !== "")
    .map(([name, text]) => `${name}=${text}`);
  const what = nameIn(ChangeOp, op).toLowerCase().padEnd(OP_WIDTH);
  return printable(
    [...startOf(seq, timeText(timestampMs), what), valueText(key), ...about].join(" "),
  );
}

/** A checkpoint as one line among those of changes. */
export function checkpointLine({ seq, count, root }: Checkpoint): string {
  return [
    ...startOf(seq, " ".repeat(24), "checkpoint"),
    `rows=${count} root=${hexText(root)}`,
  ].join(" ");
}

function startOf(seq: bigint, time: string, what: string): string[] {
  return [String(seq).padStart(SEQ_WIDTH), time, what];
}
