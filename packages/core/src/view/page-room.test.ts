import {
  create,
  type DescMessage,
  type MessageShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import {
  ListLocksRequestSchema,
  ListLocksResponseSchema,
  ListSessionsRequestSchema,
  ListSessionsResponseSchema,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { open } from "../testing-support/client.ts";
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
