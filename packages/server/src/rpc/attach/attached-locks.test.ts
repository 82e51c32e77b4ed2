import { createClient } from "@connectrpc/connect";
import {
  AdminService,
  type AttachReply,
  type Granted,
  LockMode,
  SessionService,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Attached, callOf } from "../../testing-support/attached.ts";
import {
  startTestServer,
  type TestServer,
  transportTo,
} from "../../testing-support/test-server.ts";
import { targetsOf, User } from "../../testing-support/user.ts";

let running: TestServer;
let other: User;
let stream: Attached;
let sessionId: bigint;
beforeEach(async () => {
  running = await startTestServer();
  const transport = transportTo(running.server.url);
  const own = await User.open(transport, 1);
  other = await User.open(transport, 2);
  sessionId = own.id;
  stream = new Attached(transport);
  await stream.open(own.session);
});
afterEach(async () => {
  await stream.leave();
  await running.close();
});

const { EXCLUSIVE, SHARED, UPGRADABLE } = LockMode;
let calls = 0n;

/** Makes one call; its reply comes when it comes. */
function call(kind: string, value: object): void {
  calls += 1n;
  stream.call(callOf(calls, { case: kind, value } as never));
}

async function answerOf(kind: string, value: object): Promise<AttachReply["reply"]> {
  call(kind, value);
  const [reply] = await stream.replies(1);
  if (reply === undefined) throw new Error("there is no reply");
  expect(reply.callId).toBe(calls);
  return reply.reply;
}

async function take(requestId: bigint, key: string, mode: LockMode): Promise<Granted> {
  const reply = await answerOf("acquire", { requestId, targets: targetsOf([key], mode) });
  return (reply.value as { outcome: { value: Granted } }).outcome.value;
}

const hold = ({ holdId, token }: Granted) => ({ holdId, token });

describe("an Attach carries", () => {
  test("Convert, and sends its final outcome alone [SES-71, SES-72]", async () => {
    const reading = await other.take(targetsOf(["k"], SHARED));
    const granted = await take(1n, "k", UPGRADABLE);
    call("convert", {
      ...{ requestId: 2n, ...hold(granted), key: "k", mode: EXCLUSIVE },
      waitMs: 60_000n,
    });
    const read = await answerOf("getSession", {});
    expect(read.value).toMatchObject({
      holds: [{ token: granted.token }],
      tickets: [{ holdId: granted.holdId, requestId: 2n }],
    });
    await other.release(reading);
    const [converted] = await stream.replies(1);
    expect(converted?.reply).toMatchObject({
      case: "convert",
      value: { outcome: { case: "granted", value: { holdId: granted.holdId } } },
    });
  });

  test("a Convert that waits, and ends in good order without it; its ticket waits on [SES-79]", async () => {
    await other.take(targetsOf(["k"], SHARED));
    const granted = await take(1n, "k", UPGRADABLE);
    call("convert", {
      ...{ requestId: 2n, ...hold(granted), key: "k", mode: EXCLUSIVE },
      waitMs: 60_000n,
    });
    await expect.poll(() => running.namespace.info().counters?.waiters).toBe(1n);
    stream.close();
    expect(await stream.ended()).toBeUndefined();
    expect(running.namespace.info().counters?.waiters).toBe(1n);
  });

  test("SetValue and Transfer", async () => {
    const granted = await take(1n, "k", EXCLUSIVE);
    const value = new Uint8Array([1, 2]);
    const set = await answerOf("setValue", { requestId: 2n, ...hold(granted), value });
    expect(set.case).toBe("setValue");
    expect(set.value).not.toHaveProperty("notHeld");
    await other.acquire("k", { waitMs: 60_000n });
    const to = { toSessionId: other.id, toRequestId: other.lastRequestId };
    const given = await answerOf("transfer", { requestId: 3n, ...hold(granted), ...to });
    expect(given).toMatchObject({ case: "transfer", value: { outcome: { case: "granted" } } });
  });

  test("RequestRelease, as of the session's principal", async () => {
    const { holdId } = await other.take("k");
    const asked = await answerOf("requestRelease", { key: "k", reason: "deploy" });
    expect(asked).toMatchObject({ case: "requestRelease", value: { holdIds: [holdId] } });
    const { lock } = await other.locks.getLock({ namespace: "default", key: "k" });
    expect(lock?.holders).toMatchObject([{ releaseAsked: { actor: "127.0.0.1" } }]);
  });
});

describe("an Attach is told", () => {
  test("that somebody asks for a hold, and keep-alives speak of it [SES-78, SES-60]", async () => {
    const granted = await take(1n, "k", EXCLUSIVE);
    const asking = { namespace: "default", key: "k", reason: "deploy", correlationId: "c" };
    await other.locks.requestRelease(asking);
    const { news } = await stream.next();
    expect(news).toMatchObject([
      {
        reason: "deploy",
        actor: "127.0.0.1",
        correlationId: "c",
        body: { case: "releaseRequested", value: { sessionId, token: granted.token } },
      },
    ]);
    const kept = await answerOf("keepAlive", { seq: 1n });
    expect(kept.value).toMatchObject({ sessionRevision: news[0]?.revision });
  });

  test("the end of its session, by an operator too, after what waited for a lock [SES-80]", async () => {
    await other.take("k");
    call("acquire", { requestId: 1n, targets: targetsOf(["k"]), waitMs: 60_000n });
    await expect.poll(() => running.namespace.info().counters?.waiters).toBe(1n);
    const admin = createClient(AdminService, transportTo(running.server.url));
    await admin.revokeSession({ namespace: "default", sessionId, reason: "gone" });
    expect(await stream.ended()).toMatchObject({ message: expect.stringContaining("revoked") });
    expect(stream.received.at(-1)?.replies).toMatchObject([{ reply: { case: "error" } }]);
    const { sessions } = await createClient(
      SessionService,
      transportTo(running.server.url),
    ).listSessions({ namespace: "default" });
    expect(sessions.map((session) => session.sessionId)).toEqual([other.id]);
  });
});
