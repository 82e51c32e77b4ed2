import { create } from "@bufbuild/protobuf";
import { compareNames, ListLocksRequestSchema } from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { open } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

function list(world: World, keyPrefix: string, pageToken: string) {
  const request = create(ListLocksRequestSchema, { keyPrefix, pageSize: 3, pageToken });
  const { locks, nextPageToken } = world.reply({ kind: "listLocks", request });
  return { keys: locks.map(({ key }) => key), nextPageToken };
}

const key = fc.string({
  unit: fc.constantFrom("a", "b", "/", "\uffee", "\u{1f512}"),
  minLength: 1,
  maxLength: 3,
});

describe("ListLocks in pages", () => {
  it("lists each key that is held throughout once, in the order of bytes, whatever comes and goes between pages [LOCK-165, GEN-54]", () => {
    const stays = fc.uniqueArray(key, { maxLength: 20 });
    const prefix = fc.constantFrom("", "a", "/", "\u{1f512}", "ab");
    const changes = fc.array(fc.uniqueArray(key, { maxLength: 4 }), { minLength: 1 });
    fc.assert(
      fc.property(stays, prefix, changes, (held, keyPrefix, rounds) => {
        const world = new World();
        const ann = open(world);
        for (const key of held) ann.lock(key);
        const listed: string[] = [];
        let pageToken = "";
        for (let round = 0; ; round += 1) {
          const coming = rounds[round % rounds.length]?.filter((key) => !held.includes(key)) ?? [];
          const locks = coming.map((key) => ann.lock(key));
          const page = list(world, keyPrefix, pageToken);
          for (const lock of locks) ann.release(lock);
          listed.push(...page.keys);
          pageToken = page.nextPageToken;
          if (pageToken === "") break;
          expect(page.keys).toHaveLength(3);
        }
        expect(listed).toEqual([...new Set(listed)].sort(compareNames));
        const expected = held.filter((key) => key.startsWith(keyPrefix)).sort(compareNames);
        expect(listed.filter((key) => held.includes(key))).toEqual(expected);
        for (const key of listed) expect(key.startsWith(keyPrefix)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("looks at all keys once for all pages together", () => {
    const world = new World();
    const ann = open(world);
    for (let i = 0; i < 100; i += 1) ann.lock(`k${i}`);
    world.checked = false;
    const keys = vi.spyOn(world.state.keys, "keys");
    const values = vi.spyOn(world.state.keys, "values");
    let pageToken = "";
    let pages = 0;
    do {
      pageToken = list(world, "", pageToken).nextPageToken;
      pages += 1;
    } while (pageToken !== "");
    expect(pages).toBe(34);
    expect(keys.mock.calls.length + values.mock.calls.length).toBe(1);
  });
});
