import { create } from "@bufbuild/protobuf";
import type { Clock } from "@lockstep/client";
import {
  DescribeDatasetResponseSchema,
  ScanResponseSchema,
  SubscribeResponseSchema,
} from "@lockstep/protocol";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { scan } from "./scan.ts";
import { tail } from "./tail.ts";

const PAGE_MS = 1_000;
const NOTHING = new Uint8Array();

const written = { stdout: "", stderr: "" };
beforeEach(() => {
  for (const name of ["stdout", "stderr"] as const) {
    written[name] = "";
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += text;
      return true;
    });
  }
});
afterEach(() => vi.restoreAllMocks());

/** A dataset of 4 rows and as many changes, which the server gives one at a time, each a second after the last. */
function slowServer() {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;
  const dataset = { count: 4n, headSeq: 4n };
  const describe = async () => create(DescribeDatasetResponseSchema, { dataset });
  const scanPage = async ({ afterKey = NOTHING }: { afterKey?: Uint8Array }) => {
    nowMs += PAGE_MS;
    const key = new Uint8Array([(afterKey[0] ?? 0) + 1]);
    return create(ScanResponseSchema, { rows: [{ key }], more: key[0] !== 4, nextAfterKey: key });
  };
  async function* subscribe() {
    for (let seq = 1n; ; seq += 1n) {
      nowMs += PAGE_MS;
      const value = { prevSeq: seq - 1n, changes: [{ seq }], lastSeq: seq };
      yield create(SubscribeResponseSchema, { part: { case: "changes", value } });
    }
  }
  return { clock, client: { datasets: { describe, scan: scanPage }, replication: { subscribe } } };
}

/** What standard output has, all of it JSON. */
const printed = () =>
  written.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

const all = { dataset: "orders", keyPrefix: NOTHING, afterKey: NOTHING };

test("a scan of all rows tells how far it is, how fast, and how long it takes still", async () => {
  const { client, clock } = slowServer();
  await scan(client, all, { all: true, limit: 100, json: true }, clock);
  expect(written.stderr).toBe(
    [
      "lockstep: scan: 1 of 4 rows, 1/s, 3s left\n",
      "lockstep: scan: 2 of 4 rows, 1/s, 2s left\n",
      "lockstep: scan: 3 of 4 rows, 1/s, 1s left\n",
    ].join(""),
  );
  expect(printed()).toHaveLength(4);
});

test("a scan of some rows tells how far it is: nobody knows how many there are", async () => {
  const { client, clock } = slowServer();
  const some = { ...all, afterKey: new Uint8Array([2]) };
  await scan(client, some, { all: true, limit: 100, json: true }, clock);
  expect(written.stderr).toBe("lockstep: scan: 1 rows, 1/s\n");
});

test("a tail tells how far it is until it has caught up, and nothing from then on", async () => {
  const { client, clock } = slowServer();
  await tail(client, "orders", { from: 1n, follow: true, limit: 6, json: true }, clock);
  expect(written.stderr).toBe(
    [
      "lockstep: catching up: 1 of 4 changes, 1/s, 3s left\n",
      "lockstep: catching up: 2 of 4 changes, 1/s, 2s left\n",
      "lockstep: catching up: 3 of 4 changes, 1/s, 1s left\n",
    ].join(""),
  );
  expect(printed().map(({ seq }) => seq)).toEqual(["1", "2", "3", "4", "5", "6"]);
});

test("a tail that ends before the head tells how far it is to its own end", async () => {
  const { client, clock } = slowServer();
  await tail(client, "orders", { from: 1n, follow: true, limit: 2, json: true }, clock);
  expect(written.stderr).toBe("lockstep: catching up: 1 of 2 changes, 1/s, 1s left\n");
});
