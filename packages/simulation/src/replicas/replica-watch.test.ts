import { expect, test } from "vitest";
import { Checker } from "../check/checker.ts";
import { Marks } from "../marks/marks.ts";
import { Scheduler } from "../time/scheduler.ts";
import { NO_DAMAGES, ReplicaWatch } from "./replica-watch.ts";

function watched() {
  const marks = new Marks();
  const checker = new Checker(new Scheduler(), marks, () => undefined, undefined);
  const watch = new ReplicaWatch({ checker, marks } as never, "copy");
  const hears = (...events: unknown[]) => {
    const told = async function* () {
      yield* events;
    };
    return watch.listen("copy.1", { events: told } as never);
  };
  return { checker, watch, hears };
}

const drift = (action: string) => ({
  type: "drift",
  found: { action, asOf: { seq: 1n, logHash: new Uint8Array(32) } },
});
const NOT_DRIFT = "nothing in flight is reported as drift";

test("drift that nobody has made is refused", async () => {
  const { checker, hears } = watched();
  await hears(drift("REPAIRED"));
  expect(checker.violation?.rule).toBe(NOT_DRIFT);
});

test("a checkpoint that does not match is refused where rows and log are right", async () => {
  const { checker, watch, hears } = watched();
  const mismatch = { type: "checkpoint", seq: 1n, verdict: "MISMATCH" };
  checker.datasets.positions.committed = () => true;
  let isOfLog = false;
  checker.datasets.isOfLog = () => isOfLog;
  const progress = { cursor: { seq: 1n, logHash: new Uint8Array(32) }, salt: new Uint8Array(16) };
  const loaded = { published: { progress }, staged: undefined, letters: [] } as never;
  watch.committed("copy.1", loaded, [], new Map());
  await hears(mismatch);
  watch.damages = { rows: true, mayDrift: true, ever: true };
  isOfLog = true;
  await hears(mismatch);
  expect(checker.violation).toBeUndefined();
  watch.damages = NO_DAMAGES;
  await hears(mismatch);
  expect(checker.violation?.rule).toBe(NOT_DRIFT);
});

test("drift is right after damage, until a checkpoint has matched", async () => {
  const { checker, watch, hears } = watched();
  watch.damages = { rows: false, mayDrift: true, ever: true };
  const matches = { type: "checkpoint", seq: 1n, verdict: "MATCH" };
  await hears(drift("REPAIRED"), matches);
  expect(checker.violation).toBeUndefined();
  await hears(drift("REPAIRED"));
  expect(checker.violation?.rule).toBe(NOT_DRIFT);
});

test("drift is right where the log was lost that the replica followed, and only to take a snapshot", async () => {
  const { checker, hears } = watched();
  await hears(drift("RESYNCED"));
  expect(checker.violation).toBeUndefined();
  await hears(drift("REPAIRED"));
  expect(checker.violation?.rule).toBe(NOT_DRIFT);
});

test("what the user's code has made of the rows is refused when it is something else", () => {
  const { checker, watch } = watched();
  expect(watch.damages).toBe(NO_DAMAGES);
  checker.datasets.positions.committed = () => true;
  const progress = { cursor: { seq: 1n, logHash: new Uint8Array(32) }, salt: new Uint8Array(16) };
  const loaded = { published: { progress }, staged: undefined, letters: [] } as never;
  const rows = [{ key: Buffer.from("a"), value: Buffer.from("1"), seq: 1n, schemaVersion: 1 }];
  watch.committed("copy.1", loaded, rows, new Map([["a", "1"]]));
  expect(checker.violation).toBeUndefined();
  watch.committed("copy.1", loaded, rows, new Map([["a", "2"]]));
  expect(checker.violation?.rule).toBe("what was projected is what the rows are");
});
