import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { EventSchema, LockMode, LossReason } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { eventLine } from "./event-line.ts";

const targets = [{ key: "orders", mode: LockMode.EXCLUSIVE }];

function lineOf(body: MessageInitShape<typeof EventSchema>["body"], more = {}): string {
  const event = { revision: 42n, decidedAtMs: 1_700_000_000_000n, ...(body && { body }), ...more };
  const line = eventLine(create(EventSchema, event));
  const start = "    42 2023-11-14T22:13:20.000Z ";
  expect(line.startsWith(start)).toBe(true);
  return line.slice(start.length);
}

const told: [MessageInitShape<typeof EventSchema>["body"], string][] = [
  [
    { case: "epochStarted", value: { epoch: 3n, cause: 2, serverVersion: "1.0.0" } },
    "epoch started     epoch=3 cause=RECOVERED version=1.0.0",
  ],
  [
    {
      case: "sessionOpened",
      value: { sessionId: 5n, ttlMs: 15_000n, displayName: "a b" },
    },
    'session opened    session=5 ttl=15s name="a b"',
  ],
  [
    { case: "sessionEnded", value: { sessionId: 5n, state: 2 } },
    "session ended     session=5 state=EXPIRED",
  ],
  [
    {
      case: "lockQueued",
      value: { targets, ticketId: 7n, sessionId: 5n, waitMs: 1_500n },
    },
    "lock queued       key=orders ticket=7 session=5 wait=1500ms",
  ],
  [
    { case: "lockGranted", value: { targets, token: 42n, sessionId: 5n, owner: "job" } },
    "lock granted      key=orders token=42 session=5 owner=job",
  ],
  [
    { case: "ticketEnded", value: { targets, ticketId: 7n, sessionId: 5n, end: 1 } },
    "ticket ended      key=orders ticket=7 session=5 end=WAIT_TIMED_OUT",
  ],
  [
    {
      case: "lockLost",
      value: {
        targets,
        token: 9n,
        sessionId: 5n,
        reason: LossReason.FORCE_RELEASED,
        delayed: true,
      },
    },
    "lock lost         key=orders token=9 session=5 reason=FORCE_RELEASED delayed=yes",
  ],
  [
    { case: "delayEnded", value: { targets, holdId: 9n, cause: 1 } },
    "delay ended       key=orders hold=9 cause=CONFIRMED",
  ],
];

test.each(told.map(([body, line]) => ({ kind: body?.case, body, line })))(
  "an event $kind is one line",
  ({ body, line }) => {
    expect(lineOf(body)).toBe(line);
  },
);

test("who, the correlation id and the reason are told with every event", () => {
  const more = { actor: "127.0.0.1", correlationId: "job-1", reason: 'stuck "again"' };
  expect(lineOf({ case: "lockReleased", value: { targets, token: 9n, sessionId: 5n } }, more)).toBe(
    'lock released     key=orders token=9 session=5 by=127.0.0.1 correlation=job-1 because="stuck \\"again\\""',
  );
});

test("an event of a newer server, and a reason it alone knows, are told as unknown", () => {
  expect(lineOf(undefined)).toBe("unknown event");
  expect(lineOf({ case: "sessionEnded", value: { sessionId: 5n, state: 99 as never } })).toBe(
    'session ended     session=5 state="unknown (99)"',
  );
});
