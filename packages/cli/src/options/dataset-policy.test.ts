import { create } from "@bufbuild/protobuf";
import { DatasetPolicySchema, ReplicationMode } from "@lockstep/protocol";
import { Command } from "commander";
import { expect, test } from "vitest";
import { datasetPolicyText } from "../output/dataset-policy-text.ts";
import {
  type DatasetPolicyOptions,
  isPolicyGiven,
  POLICY_FLAGS,
  policyOf,
  withDatasetPolicyOptions,
} from "./dataset-policy.ts";

const EVERY_FLAG = [
  "--durability quorum:2",
  "--min-in-sync 1",
  "--max-sync-lag 5s",
  "--retention-changes 1000",
  "--retention 30d",
  "--idempotency-retention 1h",
  "--max-staleness 2s",
  "--fence-key k",
  "--fence-required",
  "--max-bytes 99",
  "--checkpoint-changes 7",
  "--checkpoint-interval 3s",
  "--snapshot-hold 1m",
];

function parsed(...flags: string[]): DatasetPolicyOptions {
  const command = withDatasetPolicyOptions(new Command("set").exitOverride());
  return command.parse(flags, { from: "user" }).opts();
}

test("every flag sets what it is named after, and people are told it by that name", () => {
  const options = parsed(...EVERY_FLAG.flatMap((flag) => flag.split(" ")));
  const told = datasetPolicyText(policyOf(options)).split(", ");
  expect(told).toEqual(EVERY_FLAG.map((flag) => flag.slice(2).replace("30d", "720h")));
  expect(EVERY_FLAG.map((flag) => flag.slice(2).split(" ")[0])).toEqual(POLICY_FLAGS);
});

test("a change keeps what is not named, and what is unset is the default again", () => {
  const present = create(DatasetPolicySchema, {
    defaultDurability: { mode: ReplicationMode.ALL_IN_SYNC },
    fenceKey: "k",
    fenceRequired: true,
    maxBytes: 5n,
  });
  const changed = policyOf({ ...parsed("--max-bytes", "6"), unset: ["durability"] }, present);
  expect(datasetPolicyText(changed)).toBe("fence-key k, fence-required, max-bytes 6");
  expect(datasetPolicyText(present)).toBe(
    "durability all-in-sync, fence-key k, fence-required, max-bytes 5",
  );
});

test("a policy without a flag says nothing", () => {
  expect(isPolicyGiven(parsed())).toBe(false);
  expect(isPolicyGiven(parsed("--fence-required"))).toBe(true);
  expect(isPolicyGiven({ unset: ["retention"] })).toBe(true);
  expect(datasetPolicyText(policyOf(parsed()))).toBe("defaults");
});
