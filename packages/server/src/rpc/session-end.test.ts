import { ErrorReason, errorDetailOf, SessionState } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { type Caller, newCaller } from "../testing-support/caller.ts";
import { secretOf, testServers } from "../testing-support/test-server.ts";

const namespace = "default";
const start = testServers();

test("a session ends once and stays as it ended, whatever its client and time do [SES-20]", async () => {
  const { server, clock } = await start();
  const closed = await newCaller(server.url, 1);
  const expired = await newCaller(server.url, 2);
  await closed.sessions.closeSession({ session: closed.session, requestId: 1n });
  await clock.advance(16_000);
  for (const one of [closed, expired]) await disturb(one);
  await clock.advance(16_000);
  const { sessions } = await closed.sessions.listSessions({ namespace, includeEnded: true });
  expect(sessions.map(({ state }) => state)).toEqual([SessionState.CLOSED, SessionState.EXPIRED]);
  const { events } = await closed.locks.listEvents({ namespace });
  const ends = events.flatMap(({ body }) =>
    body.case === "sessionEnded" ? [[body.value.sessionId, body.value.state]] : [],
  );
  expect(ends).toEqual([
    [closed.session.sessionId, SessionState.CLOSED],
    [expired.session.sessionId, SessionState.EXPIRED],
  ]);
});

test("a session ends when its time to live has passed, not before, and then soon [SES-40, SES-41]", async () => {
  const { server, clock } = await start();
  const reader = await newCaller(server.url, 1);
  const { sessionId } = await reader.sessions.openSession({
    ...{ namespace, secret: secretOf(9), ttlMs: 2_000n },
  });
  const stateNow = async () => {
    const { sessions } = await reader.sessions.listSessions({ namespace, includeEnded: true });
    return sessions.find((session) => session.sessionId === sessionId)?.state;
  };
  await clock.advance(1_999);
  expect(await stateNow()).toBe(SessionState.ACTIVE);
  await clock.advance(1_001);
  expect(await stateNow()).toBe(SessionState.EXPIRED);
});

/** Everything by which a client could try to live on, or end again. */
async function disturb({ session, sessions, acquire }: Caller): Promise<void> {
  const refusals = [
    sessions.keepAlive({ session, seq: 1n }),
    sessions.openSession({ namespace, secret: session.secret }),
    sessions.getSession({ session }),
    acquire("a"),
  ].map((call) => call.then(() => undefined).catch((error) => errorDetailOf(error)?.reason));
  for (const reason of await Promise.all(refusals)) {
    expect([ErrorReason.SESSION_CLOSED, ErrorReason.SESSION_EXPIRED]).toContain(reason);
  }
  await sessions.closeSession({ session, requestId: 2n });
}
