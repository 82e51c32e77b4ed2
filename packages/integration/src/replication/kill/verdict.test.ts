import { create } from "@bufbuild/protobuf";
import { type Change, ChangeOp, ChangeSchema, CheckpointSchema } from "@lockstep/protocol";
import type { StoredRow } from "@lockstep/replica";
import { expect, test } from "vitest";
import { batchOf, DATASET, isTorn, SCHEMA_VERSION } from "./batches.ts";
import { type Copy, lineOf } from "./copy.ts";
import type { KillResult } from "./kill-run.ts";
import { logFrom } from "./log.ts";
import { violationsOf } from "./verdict.ts";

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
const planned = [0, 1].flatMap((number) => batchOf(2, number));

function changesOf(sent: typeof planned): Change[] {
  return sent.map((change, at) =>
    create(ChangeSchema, {
      ...change,
      seq: BigInt(at + 1),
      schemaVersion: SCHEMA_VERSION,
      key: bytes(change.key),
      value: bytes(change.value),
    }),
  );
}

/** The rows that changes lead to. */
function rowsOf(changes: readonly Change[]): StoredRow[] {
  const rows = new Map<string, StoredRow>();
  for (const { op, key, value, seq, schemaVersion } of changes) {
    const name = Buffer.from(key).toString();
    const row = { key, value, seq, schemaVersion, bucket: 0, entryHash: new Uint8Array() };
    if (op === ChangeOp.PUT) rows.set(name, row);
    else rows.delete(name);
  }
  return [...rows.values()];
}

/** A run after which everything agrees, but for what is given. */
function result(sent = planned, copied: Partial<Copy> = {}): KillResult {
  const changes = changesOf(sent);
  const log = logFrom(changes, { salt: new Uint8Array(16), createdEpoch: 1n }, DATASET);
  const { logHash, root } = log;
  const seq = BigInt(changes.length);
  const head = create(CheckpointSchema, { seq, logHash, root, count: BigInt(log.count) });
  const rows = rowsOf(changes);
  const projected = rows.map(lineOf);
  const batches = [0, 1].map((number) => {
    const before = number === 0 ? 0 : batchOf(2, 0).length;
    const seqs = batchOf(2, number).map((_, at) => String(before + at + 1));
    return { lane: 2, number, seqs };
  });
  return {
    acknowledged: batches,
    log,
    heads: [head, head],
    damaged: 0,
    copies: [{ name: "copy", seq, logHash, rows, projected, ...copied }],
    kills: new Map(),
    filesLost: 0,
  };
}

test("a run in which everything agrees has no violations", () => {
  expect(violationsOf(result())).toEqual([]);
});

const [firstRow, ...otherRows] = rowsOf(changesOf(planned)) as [StoredRow, ...StoredRow[]];
const lastSent = planned.at(-1) as (typeof planned)[number];

test.each<[string, KillResult, RegExp]>([
  ["an acknowledged change that is lost", result(planned.slice(0, -1)), /acknowledged as/],
  ["a change that is there twice", result([...planned, lastSent]), /was appended again/],
  [
    "a change that is not what was sent",
    result([...planned.slice(0, -1), { ...lastSent, key: "another" }]),
    /is not what was sent/,
  ],
  ["a replica that lacks a row", result(planned, { rows: otherRows }), /the root of copy/],
  [
    "a row with another seq",
    result(planned, { rows: [{ ...firstRow, seq: 999n }, ...otherRows] }),
    /the root of copy/,
  ],
  ["a replica that is behind", result(planned, { seq: 1n }), /the seq of copy/],
  ["a projection that lacks a row", result(planned, { projected: [] }), /copy projected/],
  ["a server with a damaged row", { ...result(), damaged: 1 }, /finds damaged/],
  ["a server that tells nothing", { ...result(), heads: [undefined] }, /the server's root/],
])("%s is a violation", (_, run, violation) => {
  expect(violationsOf(run)).toContainEqual(expect.stringMatching(violation));
});

test("a batch that is visible in part is seen", () => {
  const row = (key: string, value: string) => ({ key: bytes(key), value: bytes(value) });
  const whole = [row("whole/1/0", "7"), row("whole/1/1", "7"), row("whole/2/0", "3")];
  expect(isTorn(whole)).toBe(false);
  expect(isTorn([...whole, row("whole/2/1", "2")])).toBe(true);
});
