import type { CopiedNamespace } from "@lockstep/server";
import { tableLines } from "./table.ts";

/** What was copied, as lines for people. */
export function copiedLines(namespaces: readonly CopiedNamespace[]): string[] {
  return tableLines(
    ["NAMESPACE", "REVISION", "EPOCH", "BYTES"],
    namespaces.map(({ namespace, revision, epoch, bytes }) => [
      namespace,
      String(revision),
      String(epoch),
      String(bytes),
    ]),
  );
}

/** The same for JSON, where large numbers are strings. */
export function copiedJson(namespaces: readonly CopiedNamespace[]): unknown {
  return namespaces.map(({ namespace, revision, epoch, bytes }) => ({
    namespace,
    revision: String(revision),
    epoch: String(epoch),
    bytes,
  }));
}
