import type { DriftFinding } from "@lockstep/replica";
import { tableLines } from "./table.ts";
import { valueText } from "./value-text.ts";

const HEADING = ["DRIFT", "KEY", "REPLICA SEQ", "SERVER SEQ"];

/** Keys that differ, as a table. */
export function foundLines(findings: readonly DriftFinding[]): string[] {
  return tableLines(
    HEADING,
    findings.map(({ kind, key, replicaSeq, serverSeq }) => [
      kind.toLowerCase(),
      valueText(key),
      replicaSeq === 0n ? "" : String(replicaSeq),
      serverSeq === 0n ? "" : String(serverSeq),
    ]),
  );
}

/** The same for JSON, where large numbers are strings and keys in base64. */
export function foundJson(findings: readonly DriftFinding[]): unknown {
  return findings.map(({ kind, bucket, key, replicaSeq, serverSeq }) => ({
    kind,
    bucket,
    key: Buffer.from(key).toString("base64"),
    replicaSeq: String(replicaSeq),
    serverSeq: String(serverSeq),
  }));
}
