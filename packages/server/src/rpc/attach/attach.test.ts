import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  AdminService,
  DEFAULT_LIMITS,
  ErrorReason,
  errorDetailOf,
  SessionService,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Attached, callOf } from "../../testing-support/attached.ts";
import {
  acquireOf,
  lockClient,
  openSession,
  secretOf,
  startTestServer,
  type TestServer,
  transportTo,
} from "../../testing-support/test-server.ts";

let running: TestServer;
beforeEach(async () => {
  running = await startTestServer();
});
afterEach(() => running.close());

const transport = () => transportTo(running.server.url);
const keepAlive = (seq: bigint) => ({ case: "keepAlive", value: { seq } });
const acquire = (key: string, requestId: bigint, more = {}) => ({
  case: "acquire",
  value: acquireOf(key, requestId, more),
});

async function attached(seed = 1) {
  const session = await openSession(transport(), seed);
  const stream = new Attached(transport());
  const first = await stream.open(session);
  return { session, stream, first };
}

function reasonOf(error: unknown): string {
  return ErrorReason[errorDetailOf(error)?.reason ?? 0] ?? "";
}

describe("an Attach", () => {
  test("says that it is open, and answers calls that rode in its first frame", async () => {
    const session = await openSession(transport());
    const stream = new Attached(transport());
    const first = await stream.open(session, callOf(1n, keepAlive(7n) as never));
    expect(first.opened?.clusterId).toBe("cluster");
    const replies = first.replies.length > 0 ? first.replies : await stream.replies(1);
    expect(replies).toMatchObject([
      { callId: 1n, reply: { case: "keepAlive", value: { seq: 7n } } },
    ]);
    await stream.leave();
  });

  test("answers each call once, those of one turn in one frame [SES-71]", async () => {
    const { stream } = await attached();
    const ids = Array.from({ length: 100 }, (_, index) => BigInt(index + 1));
    stream.call(...ids.map((id) => callOf(id, acquire(`key-${id}`, id) as never)));
    const frame = await stream.next();
    expect(frame.replies.map(({ callId }) => callId)).toEqual(ids);
    expect(frame.replies.every(({ reply }) => reply.case === "acquire")).toBe(true);
    await stream.leave();
  });

  test("sends only the final outcome of an acquire that waits [SES-72]", async () => {
    const { session, stream } = await attached();
    const other = await openSession(transport(), 2);
    const locks = lockClient(transport());
    const { outcome } = await locks.acquire({ ...acquireOf("k", 1n), session: other });
    const holdId = (outcome.value as { holdId: bigint }).holdId;
    stream.call(callOf(1n, acquire("k", 1n, { waitMs: 60_000n }) as never));
    stream.call(callOf(2n, { case: "getSession", value: {} } as never));
    const [read] = await stream.replies(1);
    expect(read).toMatchObject({ callId: 2n, reply: { value: { tickets: [{ requestId: 1n }] } } });
    await locks.release({ session: other, requestId: 2n, holdId, token: holdId });
    const [granted] = await stream.replies(1);
    expect(granted).toMatchObject({
      callId: 1n,
      reply: { case: "acquire", value: { outcome: { case: "granted" } } },
    });
    expect(session.sessionId).toBeGreaterThan(0n);
    await stream.leave();
  });

  test("ends a call with DEADLINE_EXCEEDED after its time and leaves the ticket waiting [SES-73]", async () => {
    const { stream } = await attached();
    const other = await openSession(transport(), 2);
    await lockClient(transport()).acquire({ ...acquireOf("k", 1n), session: other });
    stream.call(callOf(1n, acquire("k", 1n, { waitMs: 60_000n }) as never, 500n));
    stream.call(callOf(2n, keepAlive(1n) as never));
    await stream.replies(1);
    await running.clock.advance(499);
    stream.call(callOf(3n, keepAlive(2n) as never));
    expect(await stream.replies(1)).toMatchObject([{ callId: 3n }]);
    await running.clock.advance(1);
    const [late] = await stream.replies(1);
    expect(late).toMatchObject({
      callId: 1n,
      reply: {
        case: "error",
        value: { code: Code.DeadlineExceeded, detail: { reason: ErrorReason.DEADLINE_EXCEEDED } },
      },
    });
    stream.call(callOf(4n, { case: "getSession", value: {} } as never));
    expect(await stream.replies(1)).toMatchObject([
      { reply: { value: { tickets: [{ requestId: 1n }] } } },
    ]);
    await stream.leave();
  });

  test("gives a refused call its error and goes on [SES-71]", async () => {
    const { stream } = await attached();
    stream.call(
      callOf(1n, acquire("", 1n) as never),
      callOf(2n, { case: undefined, value: undefined } as never),
      callOf(3n, keepAlive(1n) as never, -1n),
      callOf(4n, { case: "release", value: { requestId: 1n, holdId: 0n, token: 1n } } as never),
      callOf(5n, { case: "keepAlive", value: { session: { namespace: "default" } } } as never),
      callOf(6n, { case: "checkFence", value: { namespace: "x", key: "k", token: 1n } } as never),
      callOf(7n, keepAlive(2n) as never),
    );
    const submitted = running.submitted.length;
    const replies = await stream.replies(7);
    const fields = replies
      .slice(0, 6)
      .map(({ reply }) => reply.case === "error" && reply.value.detail?.metadata.field);
    expect(fields.sort()).toEqual(
      ["hold_id", "namespace", "request", "session", "targets[0].key", "timeout_ms"].sort(),
    );
    expect(running.submitted.slice(submitted)).toEqual(["keepAlive"]);
    await stream.leave();
  });

  test("tells what the session loses before anything else of that commit [SES-78]", async () => {
    const { session, stream } = await attached();
    stream.call(callOf(1n, acquire("k", 1n) as never));
    const [reply] = await stream.replies(1);
    const value = reply?.reply.value as { outcome: { value: { token: bigint } } };
    await createClient(AdminService, transport()).forceRelease({
      namespace: "default",
      key: "k",
      expectedToken: value.outcome.value.token,
      reason: "test",
    });
    const frame = await stream.next();
    expect(frame.news).toMatchObject([
      { body: { case: "lockLost", value: { sessionId: session.sessionId } } },
    ]);
    await stream.leave();
  });

  test("ends with ATTACH_SUPERSEDED when a newer one opens [SES-74]", async () => {
    const { session, stream } = await attached();
    const newer = new Attached(transport());
    await newer.open(session);
    const error = await stream.ended();
    expect(reasonOf(error)).toBe("ATTACH_SUPERSEDED");
    expect((error as ConnectError).code).toBe(Code.Aborted);
    newer.call(callOf(1n, keepAlive(1n) as never));
    expect(await newer.replies(1)).toHaveLength(1);
    await newer.leave();
  });

  test("answers what is under way and ends with SESSION_CLOSED when the session is closed [SES-80]", async () => {
    const { stream } = await attached();
    const other = await openSession(transport(), 2);
    await lockClient(transport()).acquire({ ...acquireOf("k", 1n), session: other });
    stream.call(callOf(1n, acquire("k", 1n, { waitMs: 60_000n }) as never));
    stream.call(
      callOf(2n, { case: "closeSession", value: { requestId: 2n } } as never),
      callOf(3n, keepAlive(1n) as never),
    );
    expect(reasonOf(await stream.ended())).toBe("SESSION_CLOSED");
    const replies = stream.received.flatMap(({ replies }) => replies);
    expect(replies.map(({ callId }) => callId).sort()).toEqual([1n, 2n, 3n]);
    const waiting = replies.find(({ callId }) => callId === 1n);
    expect(waiting?.reply).toMatchObject({
      case: "error",
      value: { detail: { reason: ErrorReason.SESSION_CLOSED } },
    });
  });

  test("ends with SESSION_EXPIRED when the session's time passes [SES-80, SES-78]", async () => {
    const { stream } = await attached();
    stream.call(callOf(1n, acquire("k", 1n) as never));
    await stream.replies(1);
    await running.clock.advance(17_000);
    expect(reasonOf(await stream.ended())).toBe("SESSION_EXPIRED");
    const news = stream.received.flatMap((frame) => frame.news.map(({ body }) => body.case));
    expect(news).toEqual(["lockLost"]);
  });

  test("ends with SERVER_STOPPING when the server stops, and the ticket waits on [GEN-96]", async () => {
    const { stream } = await attached();
    const other = await openSession(transport(), 2);
    await lockClient(transport()).acquire({ ...acquireOf("k", 1n), session: other });
    stream.call(callOf(1n, acquire("k", 1n, { waitMs: 60_000n }) as never));
    stream.call(callOf(2n, keepAlive(1n) as never));
    await stream.replies(1);
    const stopped = running.server.close();
    expect(reasonOf(await stream.ended())).toBe("SERVER_STOPPING");
    await stopped;
    expect(running.namespace.info().counters?.waiters).toBe(1n);
  });

  test("ends without an error, all answered, when the client has nothing more to say", async () => {
    const { stream } = await attached();
    stream.call(callOf(1n, acquire("k", 1n) as never));
    stream.close();
    expect(await stream.ended()).toBeUndefined();
    expect(stream.received.flatMap(({ replies }) => replies)).toHaveLength(1);
  });

  test("leaves tickets and holds alone when its connection goes away [SES-79]", async () => {
    const { session, stream } = await attached();
    stream.call(callOf(1n, acquire("k", 1n) as never));
    await stream.replies(1);
    await stream.leave();
    const read = await createClient(SessionService, transport()).getSession({ session });
    expect(read.holds).toHaveLength(1);
  });
});

describe("an Attach is refused", () => {
  test("when nothing opens it within 10 s [SES-70]", async () => {
    const stream = new Attached(transport());
    const ended = stream.ended();
    // The stream must have arrived before time passes.
    await openSession(transport(), 3);
    await running.clock.advance(9_999);
    await running.clock.advance(1);
    expect(reasonOf(await ended)).toBe("DEADLINE_EXCEEDED");
  });

  test("without a session [SES-70]", async () => {
    const stream = new Attached(transport());
    stream.send({ calls: [] });
    const error = await stream.ended();
    expect(errorDetailOf(error)).toMatchObject({ metadata: { field: "open" } });
  });

  test("with a wrong secret [SES-70]", async () => {
    const session = await openSession(transport());
    const stream = new Attached(transport());
    stream.send({ open: { ...session, secret: secretOf(9) } });
    expect(reasonOf(await stream.ended())).toBe("SECRET_MISMATCH");
  });

  test("when it names its session a second time [SES-81]", async () => {
    const { session, stream } = await attached();
    stream.send({ open: session });
    expect(errorDetailOf(await stream.ended())).toMatchObject({ metadata: { field: "open" } });
  });

  test("when a call takes the id of another one under way [SES-81]", async () => {
    const { stream } = await attached();
    const other = await openSession(transport(), 2);
    await lockClient(transport()).acquire({ ...acquireOf("k", 1n), session: other });
    stream.call(callOf(1n, acquire("k", 1n, { waitMs: 60_000n }) as never));
    stream.call(callOf(1n, keepAlive(1n) as never));
    expect(errorDetailOf(await stream.ended())).toMatchObject({
      metadata: { field: "calls.call_id" },
    });
  });
});

describe("max_attach_calls", () => {
  test("refuses the call that is too much, and a frame that is [GEN-51]", async () => {
    await running.close();
    running = await startTestServer({ limits: { ...DEFAULT_LIMITS, max_attach_calls: 2 } });
    const { stream } = await attached();
    const other = await openSession(transport(), 2);
    await lockClient(transport()).acquire({ ...acquireOf("k", 1n), session: other });
    stream.call(callOf(1n, acquire("k", 1n, { waitMs: 60_000n }) as never));
    stream.call(callOf(2n, acquire("k", 2n, { waitMs: 60_000n }) as never));
    stream.call(callOf(3n, keepAlive(1n) as never));
    const [refused] = await stream.replies(1);
    expect(refused).toMatchObject({
      callId: 3n,
      reply: { value: { detail: { metadata: { limit: "max_attach_calls", max: "2" } } } },
    });
    stream.call(...[4n, 5n, 6n].map((id) => callOf(id, keepAlive(id) as never)));
    const error = await stream.ended();
    expect(error).toBeInstanceOf(ConnectError);
    expect(errorDetailOf(error)).toMatchObject({ metadata: { limit: "max_attach_calls" } });
  });
});
