import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ErrorReason,
  GetRequestSchema,
  type GetResponse,
  ReadLevel,
  ScanRequestSchema,
  type ScanResponse,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import type { Facts } from "../decide/decision.ts";
import { step } from "../step.ts";
import {
  append,
  bytes,
  createDataset,
  datasetIn,
  del,
  NAME,
  put,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { hex } from "../testing-support/dataset/tables.ts";
import { World, type WorldOptions } from "../testing-support/world.ts";

function world(options: WorldOptions = {}): World {
  const made = new World(options);
  createDataset(made);
  append(made, [put("b", "2"), put("a/1", "1"), put("a/2", "2"), put("gone", "1"), del("gone")]);
  return made;
}

type Freshness = NonNullable<MessageInitShape<typeof GetRequestSchema>["freshness"]>;

function get(made: World, key: string, freshness?: Freshness): GetResponse {
  const init = { dataset: NAME, key: bytes(key), ...(freshness ? { freshness } : {}) };
  return made.reply({ kind: "getRow", request: create(GetRequestSchema, init) });
}

function scan(made: World, init: MessageInitShape<typeof ScanRequestSchema>): ScanResponse {
  const request = create(ScanRequestSchema, { dataset: NAME, ...init });
  return made.reply({ kind: "scanRows", request });
}

function keysOf({ rows }: ScanResponse): string[] {
  return rows.map(({ key }) => Buffer.from(key).toString());
}

describe("Get", () => {
  it("tells the row as of the head, and that it is as fresh as can be [DATA-80, DATA-82]", () => {
    const made = world();
    const position = { appliedSeq: 5n, stalenessMs: 0n, verifiedSeq: 5n };
    const row = { key: bytes("a/1"), value: bytes("1"), seq: 2n, schemaVersion: 1 };
    expect(get(made, "a/1")).toMatchObject({ position, row });
    expect(get(made, "gone").row).toBeUndefined();
    made.commitsAtOnce = false;
    append(made, [put("a/1", "3")]);
    expect(get(made, "a/1")).toMatchObject({ position: { appliedSeq: 6n }, row: { seq: 6n } });
  });

  it.each([
    ["STRONG", { level: ReadLevel.STRONG }],
    ["EVENTUAL", { level: ReadLevel.EVENTUAL }],
    ["BOUNDED", { level: ReadLevel.BOUNDED, maxStalenessMs: 1n }],
    ["AT_LEAST", { level: ReadLevel.AT_LEAST, seq: 5n }],
  ])("is fresh enough for %s [DATA-80, DATA-81]", (_, freshness) => {
    expect(get(world(), "b", freshness).row?.seq).toBe(1n);
  });

  it("is refused when a change is asked for that is not there yet [DATA-81]", () => {
    const made = world();
    const stale = refusal(ErrorReason.STALE_READ, { applied_seq: "5" });
    const freshness = { level: ReadLevel.AT_LEAST, seq: 6n };
    expect(() => get(made, "b", freshness)).toThrow(stale);
    expect(() => scan(made, { freshness })).toThrow(stale);
    append(made, [put("z", "1")]);
    get(made, "b", freshness);
  });

  it("of a row that is damaged is refused, and others can be read [DATA-90]", () => {
    const made = world();
    made.tables.of(datasetIn(made).id).damaged.add(hex(bytes("a/1")));
    expect(() => get(made, "a/1")).toThrow(refusal(ErrorReason.DATASET_DAMAGED));
    expect(() => append(made, [put("a/1", "2")])).toThrow(refusal(ErrorReason.DATASET_DAMAGED));
    expect(get(made, "a/2").row?.seq).toBe(3n);
  });
});

describe("Scan", () => {
  it("lists the rows of a prefix once each, in byte order, page by page [DATA-83]", () => {
    const made = world();
    expect(keysOf(scan(made, {}))).toEqual(["a/1", "a/2", "b"]);
    expect(scan(made, {})).toMatchObject({ more: false, position: { appliedSeq: 5n } });
    const first = scan(made, { keyPrefix: bytes("a/"), pageSize: 1 });
    expect(keysOf(first)).toEqual(["a/1"]);
    expect(first).toMatchObject({ more: true, nextAfterKey: bytes("a/1") });
    const second = scan(made, { keyPrefix: bytes("a/"), afterKey: first.nextAfterKey });
    expect(keysOf(second)).toEqual(["a/2"]);
    expect(second).toMatchObject({ more: false, nextAfterKey: new Uint8Array() });
  });

  it("cuts a page that would be too large for a reply [DATA-83]", () => {
    const made = world({ limits: { max_response_bytes: 4_600 } });
    const pages: string[][] = [];
    for (let afterKey = new Uint8Array(); ; ) {
      const page = scan(made, { afterKey });
      pages.push(keysOf(page));
      afterKey = new Uint8Array(page.nextAfterKey);
      if (!page.more) break;
    }
    expect(pages).toEqual([["a/1"], ["a/2"], ["b"]]);
  });

  it("leads on past rows that were deleted while they were read [DATA-83]", () => {
    const made = world();
    const { id } = datasetIn(made);
    const request = create(ScanRequestSchema, { dataset: NAME });
    const op = { kind: "scanRows", request } as const;
    const lookedUpTo = bytes("a/2");
    const page = () => ({ rows: [], more: true, lookedUpTo });
    const facts: Facts = { ...made.facts, rows: { ...made.tables.factsFor(op, id), page } };
    expect(step(made.state, op, made.now, facts).answer).toMatchObject({
      reply: { rows: [], more: true, nextAfterKey: lookedUpTo },
    });
  });
});
