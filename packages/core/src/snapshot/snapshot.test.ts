import { create, toBinary } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { DEFAULT_LIMITS, type SnapshotRecord, SnapshotRecordSchema } from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apply } from "../apply/apply.ts";
import type { NamespaceState } from "../state/state.ts";
import { open } from "../testing-support/client.ts";
import { expectSameState, replayed } from "../testing-support/durable.ts";
import { stories } from "../testing-support/model/actions.ts";
import { Twin } from "../testing-support/model/twin.ts";
import { stored, World } from "../testing-support/world.ts";
import { fromChunks, toChunks } from "./chunks.ts";
import { decodeSnapshot } from "./decode.ts";
import { stateDigest } from "./digest.ts";
import { encodeSnapshot } from "./encode.ts";
import { SnapshotError } from "./snapshot-error.ts";

const STORIES = 200;
const ACTIONS_MAX = 100;
const TIMEOUT_MS = 60_000;
const CHUNK_BYTES_MAX = 1024 * 1024;

function bytesOf(state: NamespaceState): Uint8Array {
  return joined([...encodeSnapshot(state)]);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** A state with a little of everything that a client can bring about in a few calls. */
function richState(): NamespaceState {
  const world = new World();
  const [ann, ben] = [
    open(world, { displayName: "ann", metadata: { b: "2", a: "1" } }),
    open(world),
  ];
  ann.lock("held", { owner: "o" });
  ben.queue("held");
  ann.release(ann.lock("released"));
  open(world).close();
  return replayed(world.events, world.state.limits);
}

describe("A snapshot", () => {
  it(
    "gives the state back that its events gave, and goes on like it [REC-12]",
    () => {
      fc.assert(
        fc.property(stories(ACTIONS_MAX), fc.nat(), (story, cut) => {
          const twin = new Twin(story);
          for (const action of story.actions) twin.perform(action);
          const { events, state } = twin.world;
          const length = 1 + (cut % events.length);
          const whole = replayed(events.slice(0, length), state.limits);
          const restored = decodeSnapshot(encodeSnapshot(whole), state.limits);
          expectSameState(whole, restored);
          expect(stateDigest(restored)).toBe(stateDigest(whole));
          for (const event of events.slice(length)) {
            apply(whole, stored(event));
            apply(restored, stored(event));
          }
          expectSameState(whole, restored);
          expect(stateDigest(restored)).toBe(stateDigest(whole));
        }),
        { numRuns: STORIES },
      );
    },
    TIMEOUT_MS,
  );

  it("of a state that decides gives it back too", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    ann.lock("a");
    ben.acquire("a");
    const restored = decodeSnapshot(encodeSnapshot(world.state), world.state.limits);
    expect([...(restored.sessions.get(ben.id)?.outcomes ?? [])]).toEqual([
      ...(world.state.sessions.get(ben.id)?.outcomes ?? []),
    ]);
  });

  it("says the same of the same things in whatever order they came", () => {
    const [one, other] = [new World(), new World()];
    open(one, { secret: 1, metadata: { a: "1", b: "2" } });
    open(other, { secret: 1, metadata: { b: "2", a: "1" } });
    expect(stateDigest(one.state)).toBe(stateDigest(other.state));
  });

  it("comes in chunks of at most a megabyte", () => {
    const world = new World({ limits: { max_value_bytes: 1_000_000 } });
    world.checked = false;
    for (let count = 0; count < 3_000; count++)
      open(world, { metadata: { text: "x".repeat(512), more: "y".repeat(512) } });
    const chunks = [...encodeSnapshot(world.state)];
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks.slice(0, -1)) expect(chunk.length).toBe(CHUNK_BYTES_MAX);
    expect(chunks.at(-1)?.length).toBeLessThanOrEqual(CHUNK_BYTES_MAX);
    const restored = decodeSnapshot(chunks, world.state.limits);
    expect(stateDigest(restored)).toBe(stateDigest(world.state));
  });

  it("keeps no more of its chunks in memory than it needs", () => {
    const state = decodeSnapshot(encodeSnapshot(richState()), DEFAULT_LIMITS);
    for (const { secretSha256 } of state.sessions.values())
      expect(secretSha256.buffer.byteLength).toBe(32);
    for (const { value } of state.holds.values())
      expect(value.buffer.byteLength).toBe(value.length);
  });
});

describe("The digest of a state", () => {
  it("tells states apart that differ in anything", () => {
    const world = new World();
    const ann = open(world);
    const digests = [stateDigest(world.state)];
    const differs = (): void => {
      digests.push(stateDigest(world.state));
      expect(new Set(digests).size).toBe(digests.length);
    };
    const held = ann.lock("a");
    differs();
    open(world).queue("a");
    differs();
    ann.release(held);
    differs();
    ann.close();
    differs();
  });
});

describe("Records in chunks", () => {
  it("are read whole wherever they are cut", () => {
    const record = (name: string): SnapshotRecord["body"] => ({
      case: "principalLosses",
      value: create(SnapshotRecordSchema, {
        body: { case: "principalLosses", value: { principal: name, lostAtMs: [1n] } },
      }).body.value as never,
    });
    const lengths = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 12 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 300 }), (sizes, chunkBytes) => {
        const records = sizes.map((size) => record("n".repeat(size)));
        const chunks = [...toChunks(records, chunkBytes)];
        expect(chunks.every(({ length }) => length > 0 && length <= chunkBytes)).toBe(true);
        expect([...fromChunks(chunks)]).toEqual(records);
      }),
    );
  });
});

describe("A snapshot that does not fit", () => {
  const whole = bytesOf(richState());
  const problemOf = (...chunks: Uint8Array[]): string => {
    try {
      decodeSnapshot(chunks, DEFAULT_LIMITS);
    } catch (error) {
      if (error instanceof SnapshotError) return error.problem;
      throw error;
    }
    return "none";
  };
  const delimited = (...bodies: SnapshotRecord["body"][]): Uint8Array =>
    joined(
      bodies.map((body) =>
        sizeDelimitedEncode(SnapshotRecordSchema, create(SnapshotRecordSchema, { body })),
      ),
    );
  const bodies = [...fromChunks([whole])];
  const [header, ...others] = bodies;

  it("is refused wherever it is cut off", () => {
    expect(problemOf(whole)).toBe("none");
    for (let length = 0; length < whole.length; length++)
      expect(problemOf(whole.slice(0, length))).toBe("DAMAGED");
  });

  it("is refused without any one of its records, or with one twice", () => {
    expect(problemOf(delimited(...bodies))).toBe("none");
    bodies.forEach((body, at) => {
      expect(problemOf(delimited(...bodies.filter((_, index) => index !== at)))).toBe("DAMAGED");
      expect(problemOf(delimited(...bodies.slice(0, at), body, ...bodies.slice(at)))).toBe(
        "DAMAGED",
      );
    });
  });

  it("is refused with anything behind its end", () => {
    expect(problemOf(whole, whole)).toBe("DAMAGED");
    expect(problemOf(whole, Uint8Array.of(0))).toBe("DAMAGED");
  });

  it("is refused when its records are in another order", () => {
    expect(problemOf(delimited(...others, header as never))).toBe("DAMAGED");
    expect(
      problemOf(
        delimited(header as never, ...others.slice(0, -1).reverse(), others.at(-1) as never),
      ),
    ).toBe("DAMAGED");
  });

  it("is refused in a newer format, and told from a damaged one", () => {
    if (header?.case !== "header") throw new Error("a snapshot begins with its header");
    const newer = { ...header, value: { ...header.value, formatVersion: 3 } };
    expect(problemOf(delimited(newer, ...others))).toBe("NEWER_FORMAT");
    const none = { ...header, value: { ...header.value, formatVersion: 0 } };
    expect(problemOf(delimited(none, ...others))).toBe("DAMAGED");
  });

  it("is refused with a record of a kind that is not known, or that is none", () => {
    const unknown = Uint8Array.of(3, 0xfa, 0x07, 0);
    expect(problemOf(delimited(header as never), unknown)).toBe("DAMAGED");
    expect(problemOf(delimited(header as never), Uint8Array.of(2, 0xff, 0xff))).toBe("DAMAGED");
    expect(problemOf(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff))).toBe("DAMAGED");
  });

  it("is refused or gives some state, but never fails otherwise, when a bit of it flips", () => {
    fc.assert(
      fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
        const bytes = whole.slice();
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(["none", "DAMAGED", "NEWER_FORMAT"]).toContain(problemOf(bytes));
      }),
      { numRuns: 1_000 },
    );
  });

  it("is refused when a hold has no session", () => {
    const orphan = bodies.find(({ case: kind }) => kind === "hold") as SnapshotRecord["body"];
    const end = create(SnapshotRecordSchema, { body: { case: "end", value: { recordCount: 2n } } });
    const bytes = delimited(header as never, orphan, end.body);
    expect(toBinary(SnapshotRecordSchema, end).length).toBeGreaterThan(0);
    expect(problemOf(bytes)).toBe("DAMAGED");
  });
});
