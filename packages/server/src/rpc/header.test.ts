import { createClient } from "@connectrpc/connect";
import { CancelOutcome, DeniedReason, ReleaseOutcome, ServerService } from "@lockstep/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type Caller, newCaller } from "../testing-support/caller.ts";
import { type TestServer, testServers, transportTo } from "../testing-support/test-server.ts";

const namespace = "default";
const start = testServers();
let running: TestServer;
let ann: Caller;
let ben: Caller;

beforeEach(async () => {
  running = await start();
  ann = await newCaller(running.server.url, 1);
  ben = await newCaller(running.server.url, 2);
});

describe("the header", () => {
  test("of a reply names cluster and epoch, and the first event its call made [GEN-10, GEN-11]", async () => {
    const granted = await ann.acquire("a");
    const { token, holdId } = granted.outcome.value as { token: bigint; holdId: bigint };
    expect(granted.header).toMatchObject({ clusterId: "cluster", epoch: 1n, revision: token });
    const queued = await ben.acquire("a", { waitMs: 60_000n });
    expect(queued.header?.revision).toBe(token + 1n);
    // It makes two events: the lock is released, and granted to the one who waits.
    const released = await ann.locks.release({
      session: ann.session,
      requestId: 2n,
      holdId,
      token,
    });
    expect(released.header?.revision).toBe(token + 2n);
    const { lock, header } = await ann.locks.getLock({ namespace, key: "a" });
    expect(lock?.holders[0]?.token).toBe(token + 3n);
    expect(header?.revision).toBe(token + 3n);
  });

  test("of a reply about no namespace names the cluster alone [GEN-10]", async () => {
    const info = createClient(ServerService, transportTo(running.server.url));
    const { header } = await info.getServerInfo({});
    expect(header).toMatchObject({ clusterId: "cluster", epoch: 0n, revision: 0n });
  });

  test("of reads, repeats, denials and outcomes without event is the last event before [GEN-12]", async () => {
    const { token, holdId } = await ann.take("a");
    const { token: last } = await ann.take("b");
    const { session } = ann;
    const target = { namespace, key: "a" };
    const replies = [
      await ann.locks.getLock(target),
      await ann.locks.listLocks({ namespace }),
      await ann.locks.checkFence({ ...target, token }),
      await ann.locks.listEvents({ namespace }),
      await ann.sessions.getSession({ session }),
      await ann.sessions.listSessions({ namespace }),
      await ann.acquire("a", { requestId: 1n }),
      await ben.acquire("a"),
      await ann.locks.release({ session, requestId: 9n, holdId: holdId + 99n, token }),
    ];
    for (const { header } of replies) expect(header?.revision).toBe(last);
  });
});

describe("the order of decisions", () => {
  test("follows replies: who asks after a reply was received finds what it told [GEN-22]", async () => {
    for (let round = 0; round < 20; round++) {
      const [holder, other] = round % 2 === 0 ? [ann, ben] : [ben, ann];
      const granted = await holder.take("a");
      const denied = await other.acquire("a");
      expect(denied.outcome).toMatchObject({ value: { reason: DeniedReason.CONTENDED } });
      expect(await holder.release(granted)).toBe(ReleaseOutcome.RELEASED);
      const { lock } = await other.locks.getLock({ namespace, key: "a" });
      expect(lock?.holders).toEqual([]);
    }
  });
});

describe("what a lock can be expected to answer", () => {
  test("is part of the reply, and no error [GEN-80]", async () => {
    const held = await ann.take("a");
    expect((await ben.acquire("a")).outcome.case).toBe("denied");
    expect(await ben.release(held)).toBe(ReleaseOutcome.NOT_HOLDER);
    expect(await ann.release(held)).toBe(ReleaseOutcome.RELEASED);
    expect(await ann.release(held)).toBe(ReleaseOutcome.ALREADY_RELEASED);
    const lost = await ann.take("b");
    await ann.admin.forceRelease({
      namespace,
      key: "b",
      expectedToken: lost.token,
      reason: "test",
    });
    expect(await ann.release(lost)).toBe(ReleaseOutcome.LOST);
    const cancelled = await ann.locks.cancelAcquire({
      session: ann.session,
      requestId: 50n,
      acquireRequestId: 49n,
    });
    expect(cancelled.outcome).toBe(CancelOutcome.UNKNOWN_REQUEST);
  });
});
