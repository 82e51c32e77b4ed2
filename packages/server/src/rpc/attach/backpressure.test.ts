import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  type AttachRequest,
  AttachRequestSchema,
  ServerService,
  SessionService,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { systemClock } from "../../ports/clock.ts";
import { Attached, callOf } from "../../testing-support/attached.ts";
import {
  acquireOf,
  lockClient,
  openSession,
  testServers,
  transportTo,
} from "../../testing-support/test-server.ts";

const start = testServers();

test("a client that does not read its replies is not read either [SES-82]", async () => {
  const { server } = await start();
  const transport = transportTo(server.url);
  const session = await openSession(transport);
  const frames = 400;
  let sent = 0;
  async function* requests(): AsyncGenerator<AttachRequest> {
    yield create(AttachRequestSchema, { open: session });
    for (; sent < frames; sent++) {
      // Calls without a request: each is answered with an error that is larger than itself.
      const calls = Array.from({ length: 5_000 }, (_, index) =>
        callOf(BigInt(sent * 5_000 + index), { case: undefined, value: undefined } as never),
      );
      yield create(AttachRequestSchema, { calls });
    }
  }
  const leave = new AbortController();
  const replies = createClient(SessionService, transport).attach(requests(), {
    signal: leave.signal,
  });
  await replies[Symbol.asyncIterator]().next();
  // Nobody reads on: the client's own writes come to a stop, long before all was sent.
  let before = -1;
  await expect
    .poll(
      () => {
        const stuck = before === sent;
        before = sent;
        return stuck;
      },
      { interval: 200 },
    )
    .toBe(true);
  expect(sent).toBeLessThan(frames);
  leave.abort();
});

test("computes one GetSession at a time, and no more while its client does not read [SES-82]", async () => {
  const { server } = await start();
  const transport = () => transportTo(server.url);
  const session = await openSession(transport());
  const locks = lockClient(transport());
  const ids = Array.from({ length: 60 }, (_, index) => BigInt(index + 1));
  await Promise.all(
    ids.map((id) => locks.acquire({ ...acquireOf(`${id}${"k".repeat(500)}`, id), session })),
  );
  const operations = async () => {
    const info = await createClient(ServerService, transport()).getServerInfo({
      namespace: "default",
    });
    return info.namespace?.counters?.operations ?? 0n;
  };
  const before = await operations();
  const stream = new Attached(transport());
  const reads = Array.from({ length: 200 }, (_, index) => index + 1);
  const getSession = { case: "getSession", value: {} };
  await stream.open(session, ...reads.map((id) => callOf(BigInt(id), getSession)));
  // Each reply is above 30 kB: some are on their way and about 1 MiB waits. Renewals pass them by.
  stream.call(callOf(5_000n, { case: "keepAlive", value: { seq: 1n } }));
  await expect.poll(operations).toBeGreaterThan(before + 4n);
  await new Promise<void>((resolve) => systemClock.afterTurn(resolve));
  expect(await operations()).toBeLessThan(before + 100n);
  const replies = await stream.replies(reads.length + 1);
  expect(new Set(replies.map(({ callId }) => callId)).size).toBe(reads.length + 1);
  await stream.leave();
});
