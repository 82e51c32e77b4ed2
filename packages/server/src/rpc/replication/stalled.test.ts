import { type Client, createClient } from "@connectrpc/connect";
import {
  DEFAULT_LIMITS,
  ErrorReason,
  type ReplicationService,
  SessionService,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import {
  append,
  createDataset,
  DATASET,
  datasetClient,
  Followed,
  put,
  refusal,
} from "../../testing-support/datasets.ts";
import { openSession, testServers, transportTo } from "../../testing-support/test-server.ts";

const start = testServers();
const STALLED = 64;
const LARGE = "x".repeat(100_000);
/** More than fits into the window of a replica, which is the server's own: it asks for none. */
const ROUNDS = 50;

test("replicas that take nothing delay neither keep-alives nor appends nor others, and are ended [REP-39, REP-40]", async () => {
  const { server, clock } = await start();
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  const begin = await headOf(client);
  const stalledClient = datasetClient(transportTo(server.url));
  const stalled = await Promise.all(
    Array.from({ length: STALLED }, (_, at) => replicaOf(stalledClient, `stalled ${at}`, begin)),
  );
  for (const each of stalled) {
    const { windowBytes } = await each.part("started");
    expect(Number(windowBytes)).toBe(DEFAULT_LIMITS.max_subscription_window_bytes);
    expect(ROUNDS * LARGE.length).toBeGreaterThan(Number(windowBytes));
  }
  const reader = new Followed(client, cursorAt(begin));
  await reader.part("started");
  const control = transportTo(server.url);
  const session = await openSession(control);
  const hashes = new Map<string, string>();
  for (let round = 1; round <= ROUNDS; round += 1) {
    const { lastSeq } = await append(client, [put(`key ${round}`, LARGE)]);
    expect(lastSeq).toBe(BigInt(round));
    const changes = await reader.part("changes");
    expect(changes.lastSeq).toBe(lastSeq);
    hashes.set(String(lastSeq), Buffer.from(changes.logHash).toString("hex"));
  }
  const alive = await createClient(SessionService, control).keepAlive({ session });
  expect(alive.header?.revision).toBeGreaterThan(0n);
  await clock.advance(DEFAULT_LIMITS.max_subscriber_stall_ms + 1);
  const places = new Map<string, Readonly<Record<string, string>>>();
  for (const each of stalled) {
    const { reason, metadata } = await refusal(toItsEnd(each));
    expect(reason).toBe(ErrorReason.SLOW_CONSUMER);
    // It was sent something, and nothing was kept for it: what is left is read when it comes again.
    expect(Number(metadata.seq)).toBeGreaterThan(0);
    expect(Number(metadata.seq)).toBeLessThan(ROUNDS);
    expect(metadata.log_hash).toBe(hashes.get(metadata.seq ?? ""));
    places.set(metadata.seq ?? "", metadata);
  }
  for (const place of places.values()) await goesOnBehind(client, place);
  reader.close();
  for (const each of stalled) each.close();
});

interface Position {
  readonly seq: bigint;
  readonly logHash: Uint8Array;
}

function cursorAt({ seq, logHash }: Position): object {
  return { start: { case: "cursor", value: { seq, logHash } } };
}

/** Where the log of the dataset ends. */
async function headOf(client: Client<typeof ReplicationService>): Promise<Position> {
  const { head } = await client.describeDataset(DATASET);
  if (head === undefined) throw new Error("no head in the reply");
  return head;
}

/** Registers a replica and subscribes as it; nobody takes what comes. */
async function replicaOf(
  client: Client<typeof ReplicationService>,
  replica: string,
  begin: Position,
): Promise<Followed> {
  const instance = new Uint8Array(16);
  const { generation } = await client.registerReplica({ ...DATASET, replica, instance });
  return new Followed(client, { replica, generation, ...cursorAt(begin) });
}

/** Whoever comes again with the place to go on gets the change behind it. */
async function goesOnBehind(
  client: Client<typeof ReplicationService>,
  { seq, log_hash }: Readonly<Record<string, string>>,
): Promise<void> {
  const place = { seq: BigInt(seq ?? 0), logHash: Buffer.from(log_hash ?? "", "hex") };
  const again = new Followed(client, cursorAt(place));
  await again.part("started");
  expect((await again.part("changes")).prevSeq).toBe(place.seq);
  again.close();
}

async function toItsEnd(follower: Followed): Promise<void> {
  for (;;) await follower.next();
}
