import {
  create,
  type DescMessage,
  type MessageShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import {
  GetSessionResponseSchema,
  ListLocksRequestSchema,
  ListLocksResponseSchema,
  ListSessionsRequestSchema,
  ListSessionsResponseSchema,
  LockMode,
  LockSchema,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { getLock, open } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

const MAX_BYTES = 64 * 1024;
// Two bytes each in JSON, three each in UTF-8.
const TEXTS = [
  ["quotes", '"'.repeat(512)],
  ["signs", "\u{8a9e}".repeat(170)],
] as const;

describe.each(TEXTS)("a page of long texts of %s", (_, text) => {
  it("of sessions is shorter rather than too large, and no session is left out [GEN-54]", () => {
    const world = new World({ limits: { max_response_bytes: MAX_BYTES } });
    const metadata = { [text.slice(0, 42)]: text };
    for (let count = 0; count < 100; count++) open(world, { displayName: text, metadata });
    const ids = new Set<bigint>();
    let pageToken = "";
    do {
      const kind = "listSessions";
      const request = create(ListSessionsRequestSchema, { pageSize: 1_000, pageToken });
      const page = create(ListSessionsResponseSchema, world.reply({ kind, request }));
      expect(jsonBytes(ListSessionsResponseSchema, page)).toBeLessThan(MAX_BYTES);
      expect(toBinary(ListSessionsResponseSchema, page).length).toBeLessThan(MAX_BYTES);
      for (const { sessionId } of page.sessions) ids.add(sessionId);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(ids.size).toBe(100);
  });

  it("of keys is shorter rather than too large, and no key is left out [LOCK-165]", () => {
    const world = new World({ limits: { max_response_bytes: MAX_BYTES } });
    const holder = open(world, { displayName: text });
    const waiter = open(world, { displayName: text });
    const keys = Array.from({ length: 50 }, (_, index) => `${text.slice(0, 168)}${index}`);
    for (const key of keys) {
      holder.lock(key, { owner: text });
      waiter.queue(key);
    }
    const listed = new Set<string>();
    let pageToken = "";
    do {
      const kind = "listLocks";
      const request = create(ListLocksRequestSchema, { pageSize: 1_000, pageToken });
      const page = create(ListLocksResponseSchema, world.reply({ kind, request }));
      expect(jsonBytes(ListLocksResponseSchema, page)).toBeLessThan(MAX_BYTES);
      expect(toBinary(ListLocksResponseSchema, page).length).toBeLessThan(MAX_BYTES);
      for (const { key } of page.locks) listed.add(key);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(listed).toEqual(new Set(keys));
  });
});

describe("a single reply of very much", () => {
  const value = new Uint8Array(4_096);
  const metadata = { about: "x".repeat(512) };

  it("of a key held by many shows who fits, how many there are, and first leaves out values", () => {
    const world = new World({ limits: { max_response_bytes: MAX_BYTES } });
    world.checked = false;
    const ann = open(world, { displayName: "Ann" });
    for (let i = 0; i < 40; i++) ann.lock("a", { mode: LockMode.SHARED, value, metadata });
    for (let i = 0; i < 3; i++) ann.queue("a");
    const some = getLock(world, "a");
    expect(some).toMatchObject({ holderCount: 40, holders: { length: 40 }, queue: { length: 3 } });
    expect(some.holders[0]).toMatchObject({ value: { length: 0 }, metadata: {} });
    for (let i = 0; i < 400; i++) open(world).lock("b", { mode: LockMode.SHARED });
    const lock = getLock(world, "b");
    expect(lock.holders.length).toBeGreaterThan(50);
    expect(lock).toMatchObject({ holderCount: 400, queue: [] });
    expect(jsonBytes(LockSchema, lock)).toBeLessThan(MAX_BYTES);
    expect(getLock(world, "c")).toMatchObject({ holderCount: 0 });
  });

  it("of a session is complete, at the price of what only helps [SES-65]", () => {
    const holds = 200;
    const world = new World({
      limits: { max_response_bytes: 96 * 1024, max_held_bytes_per_session: 24 * 1024 },
    });
    world.checked = false;
    const [ann, ben] = [open(world), open(world, { displayName: "\u{8a9e}".repeat(170) })];
    const owners = Array.from({ length: holds }, (_, index) => `owner ${index}`.padEnd(40, "."));
    for (const owner of owners)
      ann.lock(owner, { owner, maxHoldMs: 3_600_000, mode: LockMode.UPGRADABLE });
    for (const { holdId } of ann.get().holds) {
      const hold = world.state.holds.get(holdId);
      if (hold) hold.releaseAsked = { revision: 9n, atMs: 9, actor: "x".repeat(512), reason: "y" };
    }
    ben.lock("taken");
    for (let i = 0; i < 20; i++) ann.queue("taken");
    const reply = create(GetSessionResponseSchema, ann.get());
    expect(reply.holds).toHaveLength(holds);
    expect(reply.holds[0]?.releaseAsked?.actor).toHaveLength(512);
    expect(reply.holds.at(-1)?.releaseAsked).toMatchObject({ revision: 9n, actor: "" });
    expect(reply.tickets).toHaveLength(20);
    expect(reply.tickets.at(-1)?.queued).toMatchObject({ position: 19, blockers: [] });
    expect(jsonBytes(GetSessionResponseSchema, reply)).toBeLessThan(96 * 1024);
  });
});

it("a page holds one item however large it is [GEN-54]", () => {
  const world = new World({ limits: { max_response_bytes: 1 } });
  open(world);
  open(world);
  const request = create(ListSessionsRequestSchema, {});
  const { sessions, nextPageToken } = world.reply({ kind: "listSessions", request });
  expect(sessions).toHaveLength(1);
  expect(nextPageToken).not.toBe("");
});

function jsonBytes<D extends DescMessage>(schema: D, message: MessageShape<D>): number {
  return new TextEncoder().encode(toJsonString(schema, message)).length;
}
