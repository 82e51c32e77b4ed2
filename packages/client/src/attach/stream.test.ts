import { create } from "@bufbuild/protobuf";

import {
  AcquireRequestSchema,
  GetSessionRequestSchema,
  KeepAliveRequestSchema,
  LockMode,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { ManualClock } from "../ports/manual-clock.ts";
import { FakeServer } from "../testing-support/fake-server.ts";
import { attachOver } from "./open-attach.ts";
import { AttachStream } from "./stream.ts";

test("a renewal, and what renewals wait for, goes before all other work of its frame", async () => {
  const clock = new ManualClock();
  const server = new FakeServer();
  const secret = new Uint8Array(32);
  const { id: sessionId } = server.state.open(secret, 10_000n);
  const stream = new AttachStream(
    attachOver(server.transport()),
    { namespace: "default", sessionId, secret },
    clock,
    { arrived() {}, opened: () => true, news() {}, ended() {} },
  );
  const attempt = { reply() {}, fault() {} };
  for (const requestId of [1n, 2n]) {
    const targets = [{ key: `key-${requestId}`, mode: LockMode.EXCLUSIVE }];
    stream.send("acquire", create(AcquireRequestSchema, { requestId, targets }), attempt);
  }
  stream.send("keepAlive", create(KeepAliveRequestSchema, { seq: 1n }), attempt);
  await clock.settle();
  for (const requestId of [3n, 4n]) {
    const targets = [{ key: `key-${requestId}`, mode: LockMode.EXCLUSIVE }];
    stream.send("acquire", create(AcquireRequestSchema, { requestId, targets }), attempt);
  }
  stream.send("getSession", create(GetSessionRequestSchema), attempt);
  await clock.settle();
  stream.close();
  expect(server.frameSizes).toEqual([3, 3]);
  expect(server.arrivals.slice(1).map(({ kind }) => kind)).toEqual([
    ...["keepAlive", "acquire", "acquire"],
    ...["getSession", "acquire", "acquire"],
  ]);
});
