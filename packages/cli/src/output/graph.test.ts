import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { LockMode, type Wait, WaitSchema } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { graphDot } from "./graph-dot.ts";
import { graphLines } from "./graph-lines.ts";

const at = { sinceAtMs: 1_700_000_000_000n, mode: LockMode.EXCLUSIVE };
const waitOf = (wait: MessageInitShape<typeof WaitSchema>): Wait => create(WaitSchema, wait);

// Two owners in each other's way, and one without an owner behind them.
const one = { ...at, sessionId: 1n, owner: "red", displayName: 'a "b"' };
const two = { ...at, sessionId: 2n, owner: "blue" };
const waits = [
  waitOf({ waiter: { ...one, key: "y", ticketId: 5n }, waitsFor: [{ ...two, holdId: 4n }] }),
  waitOf({ waiter: { ...two, key: "x", ticketId: 6n }, waitsFor: [{ ...one, holdId: 3n }] }),
  waitOf({
    waiter: { ...at, key: "x", sessionId: 3n, ticketId: 7n, mode: LockMode.PERMITS, permits: 2 },
    waitsFor: [
      { ...one, holdId: 3n },
      { ...two, ticketId: 6n },
    ],
  }),
];

test("who waits for whom is a row for each pair", () => {
  const lines = graphLines(waits).map((line) => line.replace(/ {2,}/g, "  "));
  expect(lines).toEqual([
    "KEY  WHO WAITS  WANTS  SINCE  FOR WHOM",
    'y  a "b" (session 1), owner red  exclusive  2023-11-14T22:13:20.000Z  session 2, owner blue holds, exclusive',
    'x  session 2, owner blue  exclusive  2023-11-14T22:13:20.000Z  a "b" (session 1), owner red holds, exclusive',
    'x  session 3  2 permits  2023-11-14T22:13:20.000Z  a "b" (session 1), owner red holds, exclusive',
    "  session 2, owner blue waits before it, exclusive",
  ]);
  expect(graphLines([])).toEqual(["Nobody waits for anybody."]);
});

test("for Graphviz an owner is one node, and who waits before is a dashed edge", () => {
  expect(graphDot(waits)).toEqual([
    "digraph waits {",
    "  node [shape=box];",
    '  "1/red" [label="a \\"b\\" (session 1), owner red"];',
    '  "2/blue" [label="session 2, owner blue"];',
    '  "ticket 7" [label="session 3"];',
    '  "1/red" -> "2/blue" [label="y (exclusive)"];',
    '  "2/blue" -> "1/red" [label="x (exclusive)"];',
    '  "ticket 7" -> "1/red" [label="x (2 permits)"];',
    '  "ticket 7" -> "2/blue" [label="x (2 permits)", style=dashed];',
    "}",
  ]);
});
