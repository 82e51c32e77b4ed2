import { createClient } from "@connectrpc/connect";
import { DEFAULT_LIMITS, ErrorReason, SessionService } from "@lockstep/protocol";
import { expect, test } from "vitest";
import {
  append,
  createDataset,
  datasetClient,
  Followed,
  put,
  refusal,
} from "../../testing-support/datasets.ts";
import { openSession, testServers, transportTo } from "../../testing-support/test-server.ts";

const start = testServers();
const STALLED = 64;
const LARGE = "x".repeat(100_000);
const ROUNDS = 20;

test("subscribers that take nothing delay neither keep-alives nor appends nor others, and are ended [REP-39, REP-40]", async () => {
  const { server, clock } = await start();
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  const fromTheBeginning = { start: { case: "cursor", value: { seq: 0n } } } as const;
  const stalledTransport = transportTo(server.url);
  const stalled = Array.from(
    { length: STALLED },
    () => new Followed(datasetClient(stalledTransport), fromTheBeginning as never),
  );
  for (const each of stalled) await each.part("started");
  const reader = new Followed(client, fromTheBeginning as never);
  await reader.part("started");
  const control = transportTo(server.url);
  const session = await openSession(control);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const { lastSeq } = await append(client, [put(`key ${round}`, LARGE)]);
    expect(lastSeq).toBe(BigInt(round));
    expect((await reader.part("changes")).lastSeq).toBe(lastSeq);
  }
  const alive = await createClient(SessionService, control).keepAlive({ session });
  expect(alive.header?.revision).toBeGreaterThan(0n);
  await clock.advance(DEFAULT_LIMITS.max_subscriber_stall_ms + 1);
  const [first, second] = stalled as [Followed, Followed];
  for (const each of [first, second]) {
    const { reason, metadata } = await refusal(toItsEnd(each));
    expect(reason).toBe(ErrorReason.SLOW_CONSUMER);
    // It was sent something, and nothing was kept for it: what is left is read when it comes again.
    expect(Number(metadata.seq)).toBeGreaterThan(0);
    expect(Number(metadata.seq)).toBeLessThan(ROUNDS);
  }
  reader.close();
  for (const each of stalled) each.close();
});

async function toItsEnd(follower: Followed): Promise<void> {
  for (;;) await follower.next();
}
