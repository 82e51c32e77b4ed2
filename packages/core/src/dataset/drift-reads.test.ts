import { create } from "@bufbuild/protobuf";
import {
  ErrorReason,
  FetchEntriesRequestSchema,
  type FetchEntriesResponse,
  GetDigestNodesRequestSchema,
  ListBucketRequestSchema,
  type ListBucketResponse,
  ScrubDatasetRequestSchema,
  type ScrubDatasetResponse,
} from "@lockstep/protocol";
import { describe, expect, it, vi } from "vitest";
import {
  append,
  bytes,
  createDataset,
  datasetIn,
  NAME,
  put,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { hex, type Table } from "../testing-support/dataset/tables.ts";
import { World, type WorldOptions } from "../testing-support/world.ts";
import type { StoredRow } from "./rows.ts";

function world(options: WorldOptions = {}): World {
  const made = new World(options);
  createDataset(made);
  append(made, [put("a", "1"), put("b", "2"), put("c", "3")]);
  return made;
}

function table(made: World): Table {
  return made.tables.of(datasetIn(made).id);
}

function rowOf(made: World, key: string): StoredRow {
  return table(made).rows.get(hex(bytes(key))) as StoredRow;
}

/** Somebody changes a row behind the server's back. */
function tamper(made: World, key: string, change: Partial<StoredRow>): void {
  table(made).rows.set(hex(bytes(key)), { ...rowOf(made, key), ...change });
}

function nodes(made: World, level: number, indices: number[] = []) {
  const request = create(GetDigestNodesRequestSchema, { dataset: NAME, level, indices });
  return made.reply({ kind: "digestNodes", request });
}

function listBucket(made: World, ...buckets: number[]): ListBucketResponse {
  const request = create(ListBucketRequestSchema, { dataset: NAME, buckets });
  return made.reply({ kind: "listBucket", request });
}

function fetchEntries(made: World, ...keys: string[]): FetchEntriesResponse {
  const init = { dataset: NAME, keys: keys.map(bytes) };
  return made.reply({ kind: "fetchEntries", request: create(FetchEntriesRequestSchema, init) });
}

function scrub(made: World, firstBucket = 0, buckets = 0): ScrubDatasetResponse {
  const request = create(ScrubDatasetRequestSchema, { dataset: NAME, firstBucket, buckets });
  return made.reply({ kind: "scrubDataset", request });
}

/** Looks at all buckets. */
function scrubAll(made: World): ScrubDatasetResponse[] {
  const pages: ScrubDatasetResponse[] = [];
  for (let next = 0; next < 65_536; next = pages.at(-1)?.nextBucket ?? 65_536)
    pages.push(scrub(made, next));
  return pages;
}

describe("Nodes of the digest", () => {
  it("are those of the head, in the order asked for [REP-92]", () => {
    const made = world();
    const { digest, head } = datasetIn(made);
    expect(nodes(made, 0)).toMatchObject({ asOf: head, nodes: digest.root() });
    const { bucket } = rowOf(made, "b");
    expect(nodes(made, 4, [bucket, 7]).nodes).toEqual(digest.nodes(4, [bucket, 7]));
    expect(nodes(made, 2).nodes).toHaveLength(256 * 32);
    append(made, [put("d", "4")]);
    expect(nodes(made, 0)).toMatchObject({
      asOf: { seq: 4n },
      nodes: datasetIn(made).digest.root(),
    });
  });

  it("are at most so many in one reply [REP-102]", () => {
    const made = world({ limits: { max_digest_nodes: 16 } });
    const limit = refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_digest_nodes" });
    nodes(made, 1);
    expect(() => nodes(made, 2)).toThrow(limit);
    expect(() => nodes(made, 4)).toThrow(limit);
    const many = Array.from({ length: 17 }, (_, at) => at);
    expect(() => nodes(made, 4, many)).toThrow(limit);
  });
});

describe("ListBucket", () => {
  it("tells keys, seqs and hashes of the head, bucket by bucket [REP-92]", () => {
    const made = world();
    const { bucket, seq, entryHash } = rowOf(made, "b");
    const empty = (bucket + 1) % 65_536;
    expect(listBucket(made, bucket, empty)).toMatchObject({
      asOf: datasetIn(made).head,
      buckets: [
        { bucket, entries: [{ key: bytes("b"), seq, entryHash }] },
        { bucket: empty, entries: [] },
      ],
    });
  });

  it.each([
    ["another value", { value: bytes("9") }],
    ["another seq", { seq: 9n }],
    ["another schema version", { schemaVersion: 9 }],
    ["another hash", { entryHash: new Uint8Array(32) }],
  ])("is refused when a row has %s than was written [REP-94]", (_, change) => {
    const made = world();
    made.checked = false;
    const { bucket } = rowOf(made, "b");
    tamper(made, "b", change);
    const where = { dataset: NAME, bucket: String(bucket), key: hex(bytes("b")) };
    expect(() => listBucket(made, bucket)).toThrow(refusal(ErrorReason.DATASET_DAMAGED, where));
    listBucket(made, rowOf(made, "a").bucket);
  });

  it("is refused when a row is missing, and when one is too many [REP-94]", () => {
    const made = world();
    const row = rowOf(made, "b");
    const where = { dataset: NAME, bucket: String(row.bucket) };
    const damaged = refusal(ErrorReason.DATASET_DAMAGED, where);
    const { rows } = table(made);
    rows.delete(hex(row.key));
    made.checked = false;
    expect(() => listBucket(made, row.bucket)).toThrow(damaged);
    rows.set(hex(row.key), row);
    listBucket(made, row.bucket);
    const key = bytes("no one");
    const { hasher } = datasetIn(made);
    const keyHash = hasher.keyHash(key);
    const entryHash = hasher.entryHash(keyHash, 1n, 1, hasher.valueHash(key));
    rows.set(hex(key), { ...row, key, value: key, seq: 1n, entryHash, bucket: row.bucket });
    expect(() => listBucket(made, row.bucket)).toThrow(damaged);
  });

  it("is of at most so many buckets, and of those that fit [REP-102]", () => {
    const made = world({ limits: { max_buckets: 3, max_response_bytes: 4_600 } });
    const buckets = ["a", "b", "c"].map((key) => rowOf(made, key).bucket);
    expect(() => listBucket(made, ...buckets, 7)).toThrow(
      refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_buckets" }),
    );
    expect(listBucket(made, ...buckets).buckets).toHaveLength(1);
  });
});

describe("FetchEntries", () => {
  it("tells the rows of the head, and which keys have none [REP-92]", () => {
    const made = world();
    expect(fetchEntries(made, "c", "none", "a")).toMatchObject({
      asOf: datasetIn(made).head,
      entries: [
        { key: bytes("c"), row: { value: bytes("3"), seq: 3n, schemaVersion: 1 } },
        { key: bytes("none") },
        { key: bytes("a"), row: { value: bytes("1"), seq: 1n } },
      ],
    });
    expect(fetchEntries(made, "none").entries[0]?.row).toBeUndefined();
  });

  it("is of at most so many keys, and of those that fit [REP-102]", () => {
    const made = world({ limits: { max_fetch_keys: 3 } });
    expect(() => fetchEntries(made, "a", "b", "c", "d")).toThrow(
      refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_fetch_keys" }),
    );
    append(made, [put("big", "x".repeat(1024 * 1024 - 3))]);
    expect(fetchEntries(made, "big", "a").entries).toHaveLength(1);
    expect(fetchEntries(made, "a", "big").entries).toHaveLength(1);
  });

  it("asks for no row behind one that is larger than what fits", () => {
    const made = world({ limits: { max_append_bytes: 2 * 1024 * 1024 } });
    append(made, [put("big", "x".repeat(1024 * 1024))]);
    const { rows } = made.tables.of(datasetIn(made).id);
    const asked = vi.spyOn(rows, "get");
    expect(fetchEntries(made, "big", "a").entries).toHaveLength(1);
    expect(asked.mock.calls.flat()).not.toContain(hex(bytes("a")));
  });
});

describe("ScrubDataset", () => {
  it("looks at all rows, some buckets at a time [DATA-92]", () => {
    const made = world();
    const pages = scrubAll(made);
    expect(pages.map(({ nextBucket }) => nextBucket).at(-1)).toBe(65_536);
    expect(pages[0]?.nextBucket).toBe(made.state.limits.max_scrub_buckets);
    expect(pages.reduce((sum, { rows }) => sum + rows, 0n)).toBe(3n);
    expect(pages.flatMap(({ damaged }) => damaged)).toEqual([]);
    expect(scrub(made, 65_530, 100)).toMatchObject({ nextBucket: 65_536, rows: 0n });
    const max = made.state.limits.max_scrub_buckets;
    expect(() => scrub(made, 0, max + 1)).toThrow(
      refusal(ErrorReason.LIMIT_EXCEEDED, { limit: "max_scrub_buckets" }),
    );
  });

  it("names everything that is not as it was written [DATA-92, DATA-91]", () => {
    const made = world();
    made.checked = false;
    tamper(made, "a", { value: bytes("9") });
    table(made).damaged.add(hex(bytes("b")));
    const { bucket } = rowOf(made, "c");
    table(made).rows.delete(hex(bytes("c")));
    const found = scrubAll(made).flatMap(({ damaged }) => damaged);
    const byKey = new Map(found.map((one) => [Buffer.from(one.key).toString(), one]));
    expect(new Set(byKey.keys())).toEqual(new Set(["a", "b", ""]));
    expect(byKey.get("")).toMatchObject({ bucket });
    expect(byKey.get("b")?.problem).toBe("a byte has changed");
  });
});
