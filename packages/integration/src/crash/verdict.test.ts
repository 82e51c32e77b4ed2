import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { EventSchema, LockMode, SessionState } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { LockHistory } from "../history/lock-history.ts";
import { Records, type SeenHold } from "./records.ts";
import { violationsOf } from "./verdict.ts";

type Body = NonNullable<MessageInitShape<typeof EventSchema>["body"]>;

const targets = [{ key: "a", mode: LockMode.EXCLUSIVE }];
const grant = (token: bigint): Body => ({
  case: "lockGranted",
  value: { token, holdId: token, sessionId: 2n, targets },
});
const release = (token: bigint): Body => ({
  case: "lockReleased",
  value: { token, holdId: token, sessionId: 2n, targets },
});
const close = (state = SessionState.CLOSED): Body => ({
  case: "sessionEnded",
  value: { sessionId: 2n, state },
});
const beginning: Body[] = [
  { case: "epochStarted", value: { epoch: 1n } },
  { case: "sessionOpened", value: { sessionId: 2n, displayName: "one" } },
];
const first: SeenHold = {
  ...{ client: "one", key: "a", token: 3n, holdId: 3n },
  ...{ fromMs: 10, untilMs: 20, released: true },
};
const second: SeenHold = { ...first, token: 5n, holdId: 5n, fromMs: 20, untilMs: 30 };
const whole = [grant(3n), release(3n), grant(5n), release(5n), close()];

function verdict(
  bodies: Body[],
  holds: SeenHold[] = [first, second],
  problems: string[] = [],
  { deadlinePassed = "", keptUp = true } = {},
) {
  const events = [...beginning, ...bodies].map((body, index) =>
    create(EventSchema, { revision: BigInt(index + 1), body }),
  );
  const records = new Records();
  records.holds.push(...holds);
  records.problems.push(...problems);
  if (deadlinePassed) records.deadlinePassed(deadlinePassed);
  return violationsOf({ records, history: new LockHistory(events), kills: 0, keptUp });
}

test("a run in which everything agrees has no violations", () => {
  expect(verdict(whole)).toEqual([]);
});

test.each<[string, string[], RegExp]>([
  [
    "a grant that is not in the history",
    verdict([grant(3n), release(3n), close()]),
    /token 5: not/,
  ],
  [
    "a grant to somebody else in the history",
    verdict(whole, [first, { ...second, client: "two" }]),
    /another grant/,
  ],
  [
    "a release that is not in the history",
    verdict([grant(3n), release(3n), grant(5n)]),
    /released token 5: not in the history/,
  ],
  [
    "a release that was never acknowledged",
    verdict(whole, [first, { ...second, released: false }]),
    /was never told/,
  ],
  [
    "two clients that believed at once",
    verdict(whole, [{ ...first, untilMs: 21 }, second]),
    /two live holders/,
  ],
  [
    "a client that never stopped to believe",
    verdict(whole, [{ ...first, untilMs: undefined }, second]),
    /two live holders/,
  ],
  [
    "tokens that fall",
    verdict(whole, [
      { ...first, fromMs: 20, untilMs: 30 },
      { ...second, fromMs: 10, untilMs: 20 },
    ]),
    /tokens do not rise/,
  ],
  [
    "a session that expired",
    verdict([...whole.slice(0, -1), close(SessionState.EXPIRED)]),
    /which renews, expired/,
  ],
  ["a session that was left open", verdict(whole.slice(0, -1)), /its session is open/],
  ["a hold that was left behind", verdict([...whole.slice(0, -2)]), /left behind/],
  ["what a client complained of", verdict(whole, [first, second], ["one: lost"]), /^one: lost$/],
])("a run shows %s", (_, violations, complaint) => {
  expect(violations).toContainEqual(expect.stringMatching(complaint));
});

test("a session that a client gave up by its own deadline is judged only where the machine kept up", () => {
  const lost: Body = { case: "lockLost", value: { token: 5n, holdId: 5n, sessionId: 2n, targets } };
  const bodies = [grant(3n), release(3n), grant(5n), close(SessionState.EXPIRED), lost];
  const holds = [first, { ...second, released: false }];
  const passed = { deadlinePassed: "one" };
  expect(verdict(bodies, holds, [], { ...passed, keptUp: false })).toEqual([]);
  expect(verdict(bodies, holds, [], passed)).toEqual([
    "one was never told that a with token 5 is over",
    "one could not renew in time",
    "the session of one, which renews, expired",
    "the hold with token 5 was lost",
  ]);
});

test("a run shows an epoch that is missing", () => {
  const records = new Records();
  const history = new LockHistory([]);
  expect(violationsOf({ records, history, kills: 1, keptUp: true })).toEqual([
    "0 epochs after 1 kills",
  ]);
});
