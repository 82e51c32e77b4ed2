import { create } from "@bufbuild/protobuf";
import { AttachReplySchema, type AttachResponse, EventSchema } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { attachSuperseded } from "../errors.ts";
import { Outbox } from "./outbox.ts";

const FRAME_BYTES = 1_000;
const replyOf = (callId: bigint) => create(AttachReplySchema, { callId });
const ids = (frame: AttachResponse | undefined) => frame?.replies.map(({ callId }) => callId);

const newOutbox = () => new Outbox(FRAME_BYTES);

describe("an outbox", () => {
  test("sends what one event brings in one frame", async () => {
    const outbox = newOutbox();
    const frame = outbox.nextFrame();
    outbox.addReply(replyOf(1n), 10);
    await Promise.resolve();
    outbox.addReply(replyOf(2n), 10);
    expect(ids(await frame)).toEqual([1n, 2n]);
    expect(outbox.unsentBytes).toBe(0);
  });

  test("cuts frames at their limit and keeps the order [SES-76]", async () => {
    const outbox = newOutbox();
    for (let id = 1n; id <= 5n; id++) outbox.addReply(replyOf(id), 400);
    expect(ids(await outbox.nextFrame())).toEqual([1n, 2n]);
    outbox.addReply(replyOf(6n), 400);
    expect(ids(await outbox.nextFrame())).toEqual([3n, 4n]);
    expect(ids(await outbox.nextFrame())).toEqual([5n, 6n]);
  });

  test("sends an item that is larger than a frame alone [SES-76]", async () => {
    const outbox = newOutbox();
    outbox.addReply(replyOf(1n), 5_000);
    outbox.addReply(replyOf(2n), 10);
    expect(ids(await outbox.nextFrame())).toEqual([1n]);
    expect(ids(await outbox.nextFrame())).toEqual([2n]);
  });

  test("sends news before replies, all of it [SES-78]", async () => {
    const outbox = newOutbox();
    outbox.addReply(replyOf(1n), 10);
    for (const revision of [7n, 8n]) outbox.addNews(create(EventSchema, { revision }), 600);
    const first = await outbox.nextFrame();
    expect(first?.news.map(({ revision }) => revision)).toEqual([7n]);
    expect(ids(first)).toEqual([]);
    const second = await outbox.nextFrame();
    expect(second?.news.map(({ revision }) => revision)).toEqual([8n]);
    expect(ids(second)).toEqual([1n]);
  });

  test("ends after what is there has left, with the first reason given [SES-80]", async () => {
    const outbox = newOutbox();
    outbox.addReply(replyOf(1n), 10);
    outbox.end(attachSuperseded());
    outbox.end(undefined);
    expect(ids(await outbox.nextFrame())).toEqual([1n]);
    await expect(outbox.nextFrame()).rejects.toThrow("took over");
  });

  test("throws away what has not left when it is aborted", async () => {
    const outbox = newOutbox();
    outbox.addReply(replyOf(1n), 10);
    outbox.abort(attachSuperseded());
    await expect(outbox.nextFrame()).rejects.toThrow("took over");
  });

  test("has no room while too much waits to be sent", async () => {
    const outbox = newOutbox();
    for (let id = 1n; id <= 3n; id++) outbox.addReply(replyOf(id), 512 * 1_024);
    let room = false;
    void outbox.room().then(() => {
      room = true;
    });
    await outbox.nextFrame();
    expect(room).toBe(false);
    await outbox.nextFrame();
    await outbox.room();
    expect(room).toBe(true);
  });
});
