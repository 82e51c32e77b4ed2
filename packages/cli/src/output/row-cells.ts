import type { Row } from "@lockstep/protocol";
import { valueText } from "./value-text.ts";

/** The heading of what `rowCells` gives. */
export const ROW_HEADING = ["KEY", "SEQ", "VERSION", "VALUE"];

/** A row of a dataset as the cells of a table. */
export function rowCells({ key, seq, schemaVersion, value }: Row): string[] {
  return [valueText(key), String(seq), String(schemaVersion), valueText(value)];
}
