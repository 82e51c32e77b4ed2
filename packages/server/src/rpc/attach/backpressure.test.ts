import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type AttachRequest, AttachRequestSchema, SessionService } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { callOf } from "../../testing-support/attached.ts";
import { openSession, startTestServer, transportTo } from "../../testing-support/test-server.ts";

test("a client that does not read its replies is not read either", async () => {
  const running = await startTestServer();
  const transport = transportTo(running.server.url);
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
      { interval: 200, timeout: 10_000 },
    )
    .toBe(true);
  expect(sent).toBeLessThan(frames);
  leave.abort();
  await running.close();
}, 20_000);
