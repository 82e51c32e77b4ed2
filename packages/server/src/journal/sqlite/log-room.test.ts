import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { batch, plain } from "../test-records.ts";
import { LOG_ROOM_STEP, LogRoom } from "./log-room.ts";
import { Store } from "./store.ts";
import { appendTo, inFolder, recordsOf } from "./store-fixture.ts";

const LOG = "journal.db-wal";
const FULL_DEVICE = "/dev/full";

test("the log is longer than what is in it, and a killed process loses nothing by that [REC-2]", () => {
  inFolder(new Map(), (folder) => {
    let store = new Store({ folder });
    appendTo(store, batch(1n, 3n));
    expect(statSync(join(folder, LOG)).size).toBe(LOG_ROOM_STEP);
    const killed = readFileSync(join(folder, LOG));
    store.abandon();
    writeFileSync(join(folder, LOG), killed);
    store = new Store({ folder });
    expect(store.notices).toEqual([]);
    expect(recordsOf(store)).toEqual(batch(1n, 3n).records.map(plain));
    store.close();
    expect(existsSync(join(folder, LOG))).toBe(false);
  });
});

test("room in which nothing was written yet is no damage", () => {
  inFolder(new Map(), (folder) => {
    new Store({ folder }).close();
    writeFileSync(join(folder, LOG), new Uint8Array(LOG_ROOM_STEP));
    const store = new Store({ folder });
    expect(store.notices).toEqual([]);
    appendTo(store, batch(1n));
    expect(recordsOf(store)).toHaveLength(1);
    store.close();
  });
});

test("room is made step by step, after what is there, which stays as it is", () => {
  inFolder(new Map([["log", Buffer.from("frames")]]), (folder) => {
    const path = join(folder, "log");
    const room = new LogRoom(path);
    room.ensure(7);
    room.ensure(LOG_ROOM_STEP);
    expect(statSync(path).size).toBe(6 + LOG_ROOM_STEP);
    room.ensure(3 * LOG_ROOM_STEP);
    expect(statSync(path).size).toBe(6 + 3 * LOG_ROOM_STEP);
    expect(readFileSync(path).subarray(0, 8).toString()).toBe("frames\0\0");
  });
});

test.skipIf(!existsSync(FULL_DEVICE))(
  "without a place for it there is no room, and that is all",
  () => {
    new LogRoom(FULL_DEVICE).ensure(1);
  },
);

test("a log that cannot be written is told [REC-46]", () => {
  inFolder(new Map(), (folder) => {
    expect(() => new LogRoom(folder).ensure(1)).toThrow("EISDIR");
  });
});
