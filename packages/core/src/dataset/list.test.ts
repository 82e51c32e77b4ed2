import { create } from "@bufbuild/protobuf";
import {
  DescribeDatasetRequestSchema,
  ErrorReason,
  ListDatasetsRequestSchema,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  append,
  createDataset,
  datasetIn,
  Follower,
  NAME,
  put,
} from "../testing-support/dataset/dataset-client.ts";
import { refusal } from "../testing-support/dataset/refusal.ts";
import { World } from "../testing-support/world.ts";
import { checkpointAtHead } from "./view.ts";

function list(world: World, datasetPrefix: string, pageSize: number): string[][] {
  const pages: string[][] = [];
  for (let pageToken = ""; ; ) {
    const request = create(ListDatasetsRequestSchema, { datasetPrefix, pageSize, pageToken });
    const { datasets, nextPageToken } = world.reply({ kind: "listDatasets", request });
    pages.push(datasets.map(({ dataset }) => dataset));
    pageToken = nextPageToken;
    if (pageToken === "") return pages;
  }
}

describe("ListDatasets", () => {
  it("lists each with the prefix once, in byte order, page by page [DATA-12]", () => {
    const world = new World();
    for (const name of ["\u{1f600}", "b", "\uffee", "a/2", "a/1", "a"])
      createDataset(world, {}, name);
    expect(list(world, "", 4)).toEqual([
      ["a", "a/1", "a/2", "b"],
      ["\uffee", "\u{1f600}"],
    ]);
    expect(list(world, "a/", 1)).toEqual([["a/1"], ["a/2"]]);
    expect(list(world, "c", 10)).toEqual([[]]);
  });

  it("cuts a page that would be too large for a reply [DATA-12]", () => {
    const world = new World({ limits: { max_response_bytes: 10_000 } });
    const names = Array.from({ length: 9 }, (_, at) => `${at}`);
    for (const name of names) createDataset(world, {}, name);
    const pages = list(world, "", 1_000);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat()).toEqual(names);
  });
});

describe("DescribeDataset", () => {
  const request = create(DescribeDatasetRequestSchema, { dataset: NAME });

  it("tells head, count and root of one moment, and the last checkpoint beside them [DATA-13]", () => {
    const world = new World();
    createDataset(world);
    append(world, [put("a", "1"), put("b", "22")]);
    world.advance(60_000);
    append(world, [put("c", "1")]);
    new Follower(world, "r").ack();
    const { dataset, head } = world.reply({ kind: "describeDataset", request });
    expect(head).toEqual(checkpointAtHead(datasetIn(world)));
    expect(dataset).toMatchObject({ headSeq: 3n, count: 3n, bytes: 7n, policyVersion: 1n });
    expect(dataset).toMatchObject({ floorSeq: 0n, droppedSeq: 0n, checkpoint: { seq: 2n } });
    expect(dataset).toMatchObject({ replicaCount: 1, inSyncCount: 1 });
  });

  it("of a dataset that does not exist is refused [DATA-10]", () => {
    const world = new World();
    expect(() => world.reply({ kind: "describeDataset", request })).toThrow(
      refusal(ErrorReason.DATASET_UNKNOWN),
    );
  });
});
