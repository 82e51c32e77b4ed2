import { Code, createClient } from "@connectrpc/connect";
import { ClockService, errorDetailOf } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { systemClock } from "../ports/clock.ts";
import { testServers, transportTo } from "../testing-support/test-server.ts";

const start = testServers();

async function client(options = {}) {
  const { server } = await start(options);
  return createClient(ClockService, transportTo(server.url, "connect-json"));
}

test("ClockService reads and moves the clock, also further than any deadline", async () => {
  const clock = await client();
  const before = await clock.now({});
  expect(before).toMatchObject({ monotonicMs: 0n, unixMs: 1_700_000_000_000n });
  const after = await clock.advance({ durationMs: 3_600_000n });
  expect(after).toMatchObject({ monotonicMs: 3_600_000n, unixMs: 1_700_003_600_000n });
});

test.each([-1n, 366n * 24n * 3_600_000n + 1n])("Advance refuses %s", async (durationMs) => {
  const clock = await client();
  const error = await clock.advance({ durationMs }).catch((thrown) => thrown);
  expect(error.code).toBe(Code.InvalidArgument);
  expect(errorDetailOf(error)?.metadata.field).toBe("duration_ms");
});

test("a server on real time does not know ClockService", async () => {
  const clock = await client({ clock: systemClock });
  const error = await clock.now({}).catch((thrown) => thrown);
  expect(error.code).toBe(Code.Unimplemented);
});
