import type { Blocker, Wait } from "@lockstep/protocol";
import { modeText } from "./mode-text.ts";
import { printable } from "./printable.ts";
import { whoText } from "./who-text.ts";

/**
 * Who waits for whom, in the language of Graphviz: a node for each owner, an edge for each key that one of
 * them wants and the other holds, or wants before it (dashed).
 */
export function graphDot(waits: readonly Wait[]): string[] {
  const nodes = new Map<string, string>();
  const edges: string[] = [];
  const node = (blocker: Blocker) => {
    const id = nodeOf(blocker);
    nodes.set(id, whoText(blocker));
    return quoted(id);
  };
  for (const { waiter, waitsFor } of waits) {
    if (waiter === undefined) continue;
    const label = `${waiter.key} (${modeText(waiter.mode, waiter.permits)})`;
    for (const blocker of waitsFor) {
      const style = blocker.holdId > 0n ? "" : ", style=dashed";
      edges.push(`  ${node(waiter)} -> ${node(blocker)} [label=${quoted(label)}${style}];`);
    }
  }
  const shown = [...nodes].map(([id, label]) => `  ${quoted(id)} [label=${quoted(label)}];`);
  return ["digraph waits {", "  node [shape=box];", ...shown, ...edges, "}"];
}

/** An owner is one node; who has none is a node for each hold and ticket. */
function nodeOf({ sessionId, owner, holdId, ticketId }: Blocker): string {
  if (owner !== "") return `${sessionId}/${owner}`;
  return holdId > 0n ? `hold ${holdId}` : `ticket ${ticketId}`;
}

function quoted(text: string): string {
  return `"${printable(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
