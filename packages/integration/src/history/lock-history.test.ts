import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { EventSchema, LockMode, SessionState } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { LockHistory } from "./lock-history.ts";

type Body = NonNullable<MessageInitShape<typeof EventSchema>["body"]>;

const targets = [{ key: "a", mode: LockMode.EXCLUSIVE }];
const epoch = (number: bigint): Body => ({ case: "epochStarted", value: { epoch: number } });
const opened = (sessionId: bigint): Body => ({
  case: "sessionOpened",
  value: { sessionId, displayName: `client-${sessionId}` },
});
const ended = (sessionId: bigint, state: SessionState): Body => ({
  case: "sessionEnded",
  value: { sessionId, state },
});
const queued = (ticketId: bigint, sessionId: bigint): Body => ({
  case: "lockQueued",
  value: { ticketId, sessionId, targets },
});
const ticketEnded = (ticketId: bigint): Body => ({
  case: "ticketEnded",
  value: { ticketId, targets },
});
const granted = (token: bigint, sessionId: bigint, ticketId = 0n): Body => ({
  case: "lockGranted",
  value: { token, holdId: token, sessionId, ticketId, targets },
});
const released = (token: bigint): Body => ({
  case: "lockReleased",
  value: { token, holdId: token, targets },
});
const lost = (token: bigint, delayed = false): Body => ({
  case: "lockLost",
  value: { token, holdId: token, targets, delayed },
});
const delayEnded = (holdId: bigint): Body => ({ case: "delayEnded", value: { holdId, targets } });

/** The beginning of every history here: sessions 2 and 3. */
const start = [epoch(1n), opened(2n), opened(3n)];

function history(...bodies: Body[]): LockHistory {
  return new LockHistory(numbered([...start, ...bodies]));
}

function numbered(bodies: Body[]) {
  return bodies.map((body, index) => create(EventSchema, { revision: BigInt(index + 1), body }));
}

describe("a history of locks", () => {
  test("in order is read without a complaint", () => {
    const read = history(
      ...[granted(4n, 2n), queued(5n, 3n), queued(6n, 2n), epoch(2n), ticketEnded(6n)],
      ...[released(4n), granted(10n, 3n, 5n), lost(10n, true), delayEnded(10n)],
      ...[ended(3n, SessionState.EXPIRED), granted(14n, 2n)],
    );
    expect(read.violations).toEqual([]);
    expect(read.epochs).toEqual([1n, 2n]);
    expect([...read.grants.keys()]).toEqual([4n, 10n, 14n]);
    expect(read.grants.get(10n)).toEqual({ key: "a", token: 10n, holdId: 10n, client: "client-3" });
    expect([...read.released]).toEqual([4n]);
    expect([...read.lost]).toEqual([10n]);
    expect(read.expiries).toEqual([{ client: "client-3", sessionId: 3n, decidedAtMs: 0 }]);
    expect(read.openSessions).toEqual(["client-2"]);
    expect(read.isQuiet).toBe(false);
  });

  test.each<[string, Body[], RegExp]>([
    ["two live holders", [granted(4n, 2n), granted(5n, 3n)], /granted while 4 was live/],
    [
      "a waiter that overtakes",
      [granted(4n, 2n), queued(5n, 3n), queued(6n, 2n), released(4n), granted(8n, 2n, 6n)],
      /ticket 6 was granted before 5/,
    ],
    [
      "a newcomer that overtakes",
      [granted(4n, 2n), queued(5n, 3n), released(4n), granted(7n, 2n)],
      /ticket 0 was granted before 5/,
    ],
    ["a token that is not its revision", [granted(3n, 2n)], /token 3 was granted at revision 4/],
    [
      "a grant while the key is delayed",
      [granted(4n, 2n), lost(4n, true), granted(6n, 3n)],
      /granted while the key was delayed/,
    ],
    [
      "a grant to a session that has ended",
      [ended(2n, SessionState.CLOSED), granted(5n, 2n)],
      /granted to a session that had ended/,
    ],
    ["the end of a hold that is none", [released(4n)], /4 ended without being held/],
    ["the end of a ticket that is none", [ticketEnded(4n)], /ticket 4 ended without waiting/],
    ["an epoch that is left out", [epoch(3n)], /epoch 3 follows 1/],
    [
      "a session that ends twice",
      [ended(2n, SessionState.CLOSED), ended(2n, SessionState.EXPIRED)],
      /session 2 ended without living/,
    ],
  ])("shows %s", (_, bodies, complaint) => {
    expect(history(...bodies).violations).toContainEqual(expect.stringMatching(complaint));
  });

  test("shows a revision that is missing", () => {
    const events = numbered([...start, granted(4n, 2n)]).filter(({ revision }) => revision !== 2n);
    expect(new LockHistory(events).violations).toContain("at revision 1: revision 3 follows 1");
  });
});
