// The real server on a disk that fails, fills up or stands still.
import { type Client, LockstepError } from "@lockstep/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "../eventually.ts";
import { allEvents } from "../history/all-events.ts";
import { realTime } from "../real-time.ts";
import { clientForTest, serverForTest } from "../world.ts";
import { breakSyncs, lackForDiskFaults, SmallDisk } from "./fault-injection.ts";

const lack = lackForDiskFaults();
// A build machine has to have what it takes; elsewhere the run names what it left out.
const describeFaults = describe.skipIf(lack !== undefined && !process.env.CI);
if (lack !== undefined) console.warn(lack);

/** Who holds a key, as another client sees it. */
async function tokensOf(client: Client, key: string): Promise<bigint[]> {
  const { lock } = await client.getLock(key);
  return (lock?.holders ?? []).map(({ token }) => token);
}

/** Acquires on and on, each time another key, until it is refused; tells the keys it was given. */
async function fill(
  client: Client,
  prefix: string,
  signal?: AbortSignal,
): Promise<{ given: string[]; refusal: unknown }> {
  const given: string[] = [];
  for (;;) {
    const key = `${prefix}/${given.length}/${"x".repeat(400)}`;
    try {
      await client.acquire(key, { waitMs: 0, ...(signal && { signal }) });
      given.push(key);
    } catch (refusal) {
      return { given, refusal };
    }
  }
}

describeFaults("a failed sync", () => {
  test("ends the server: nothing is acknowledged after it, and nothing before it is lost", async () => {
    const server = await serverForTest();
    const [first, second] = [clientForTest(server, { ttlMs: 60_000 }), clientForTest(server)];
    const before = await first.acquire("before");
    const healed = await breakSyncs(server.pid, { error: "EIO" });

    let settled = "not settled";
    const during = second.acquire("during").then(
      () => {
        settled = "granted";
      },
      () => {
        settled = "refused";
      },
    );
    const { code, signal } = await server.ended;
    expect(signal).toBeNull();
    expect(code).not.toBe(0);
    expect(settled).not.toBe("granted");
    expect(server.log).toMatch(/"level":60,.*has stopped/);

    await healed();
    await server.startAgain();
    await during;
    const reader = clientForTest(server);
    expect(await tokensOf(reader, "before")).toEqual([before.token]);
    expect((await tokensOf(reader, "during")).length).toBeLessThanOrEqual(1);
    before.assertHeld();
  });
});

describeFaults("a full disk", () => {
  test("is seen coming: locks are refused, renewals and releases are not", async () => {
    const disk = SmallDisk.forTest(6 * 1024);
    const server = await serverForTest({
      parentFolder: disk.folder,
      args: ["--limit", `min_free_bytes=${3 * 1024 * 1024}`],
    });
    const client = clientForTest(server);
    const kept = await client.acquire("kept");
    const { given, refusal } = await fill(client, "a");
    expect(given.length).toBeGreaterThan(100);
    expect(refusal).toBeInstanceOf(LockstepError);
    expect(refusal).toMatchObject({ reason: "STORAGE_LOW" });

    const renewals = async () => (await client.serverInfo()).namespace?.counters?.keepAlives ?? 0n;
    const had = await renewals();
    await eventually("for a renewal on the full disk", async () => (await renewals()) > had);
    kept.assertHeld();
    await kept.release();
    expect(await tokensOf(client, "kept")).toEqual([]);
  });

  test("that was not seen coming ends the server, which goes on where there is room again", async () => {
    const disk = SmallDisk.forTest(16 * 1024);
    const args = ["--limit", `min_free_bytes=${1024 * 1024}`];
    const server = await serverForTest({ parentFolder: disk.folder, args });
    const client = clientForTest(server);
    const given: string[] = [];
    const ended = new AbortController();
    void server.ended.then(() => ended.abort());
    // Unless the server looks just then, it notices when it writes.
    for (let round = 0; !ended.signal.aborted; round++) {
      disk.fillUp();
      const { given: more, refusal } = await fill(client, `${round}`, ended.signal);
      given.push(...more);
      if (!ended.signal.aborted) expect(refusal).toMatchObject({ reason: "STORAGE_LOW" });
      disk.empty();
    }
    const { code, signal } = await server.ended;
    expect(signal).toBeNull();
    expect(code).not.toBe(0);

    await server.startAgain();
    const again = await client.acquire("again");
    const history = await grantedKeys(client);
    expect(history.has(again.key)).toBe(true);
    expect(given.filter((key) => !history.has(key))).toEqual([]);
  });
});

/** Every key that was ever granted. */
async function grantedKeys(client: Client): Promise<Set<string>> {
  const keys = new Set<string>();
  for (const { body } of await allEvents(client)) {
    if (body.case === "lockGranted") for (const { key } of body.value.targets) keys.add(key);
  }
  return keys;
}

describeFaults("a disk that stands still for 5 s", () => {
  test("costs nobody a session of 2 s: renewals are answered, and what waits is decided after it", async () => {
    const server = await serverForTest();
    const clients = Array.from({ length: 8 }, () => clientForTest(server, { ttlMs: 2_000 }));
    const held = await Promise.all(clients.map((client, i) => client.acquire(`held/${i}`)));
    const writer = clientForTest(server, { ttlMs: 60_000 });
    await writer.acquire("first");
    const healed = await breakSyncs(server.pid, { delayMs: 5_000 });
    onTestFinished(healed);

    let granted = false;
    const waiting = writer.acquire("second").then((lock) => {
      granted = true;
      return lock;
    });
    await realTime(4_000, "for two lives of a session to pass while a commit stands still");
    expect(granted).toBe(false);
    for (const lock of held) lock.assertHeld();
    await healed();
    (await waiting).assertHeld();
    for (const lock of held) lock.assertHeld();
    const info = await writer.serverInfo();
    expect(info.namespace?.counters?.expiries).toBe(0n);
  });
});
