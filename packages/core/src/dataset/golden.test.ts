import { type Change, ChangeOp } from "@lockstep/protocol";
import { expect, it } from "vitest";
import { bytes } from "../testing-support/dataset/dataset-client.ts";
import { PlainDigest } from "../testing-support/dataset/plain-digest.ts";
import { hex } from "../testing-support/dataset/tables.ts";

const SALT = Uint8Array.from({ length: 16 }, (_, at) => at);

/** The changes of the specification's vectors, with the root after each. */
const CHANGES = [
  ["alpha", "one", 1, "1b215bdec47f61b7ddf4c78e5d4ce52dad64950b8627bd013dec98d1dccba8ea"],
  ["beta", "", 1, "413563885017be9a8dd578ec5166eaa505d9157b531dfba9a887254be1aa9f0e"],
  ["\xff\0", "\0", 7, "fca85fcfb2f99f64fae0c345e59f23d73d4eae49deeaed4245a729eeaca731db"],
  ["alpha", "two", 1, undefined],
  ["beta", undefined, 1, "675fccd2568c71814a37de68a24cc77bfbfed9fb6ef43912733b1a9c958b5bdc"],
] as const;

function change(at: number): Change {
  const [key, value, schemaVersion] = CHANGES[at] as (typeof CHANGES)[number];
  const isOpaque = key.startsWith("\xff");
  return {
    $typeName: "lockstep.v1.Change",
    seq: BigInt(at + 1),
    timestampMs: 1_700_000_000_001n + BigInt(at),
    origin: "svc-a",
    idempotencyKey: `k${at + 1}`,
    schemaVersion,
    correlationId: "c1",
    op: value === undefined ? ChangeOp.DELETE : ChangeOp.PUT,
    key: isOpaque ? Uint8Array.of(0xff, 0) : bytes(key),
    value: bytes(value ?? ""),
  };
}

it("The digest that stories are compared with gives the specification's vectors", () => {
  const digest = new PlainDigest(SALT, "ds", "p0");
  const rows = new Map<string, Change>();
  let logHash = digest.start(1n);
  expect(hex(logHash)).toBe("1a1d84c379486acca4828ec38c5c77378e493ac145bafc452053e58b8f3dff9e");
  for (const [at, [, , , root]] of CHANGES.entries()) {
    const one = change(at);
    logHash = digest.next(logHash, one);
    if (one.op === ChangeOp.PUT) rows.set(hex(one.key), one);
    else rows.delete(hex(one.key));
    if (root !== undefined) expect(hex(digest.root(rows.values()))).toBe(root);
  }
  expect(hex(logHash)).toBe("45a518a3cb567a6a5cb5d3108260bdef28439f44e7f32bd83b0838d55e218ff4");
});
