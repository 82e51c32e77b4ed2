import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { KeyState, LockMode, LockSchema, LossReason } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { lockRows } from "./lock-rows.ts";
import { valueText } from "./value-text.ts";

const since = 1_700_000_000_000n;
const time = "2023-11-14T22:13:20.000Z";

function rowsOf(lock: MessageInitShape<typeof LockSchema>): string[][] {
  return lockRows(create(LockSchema, { key: "k", ...lock }));
}

test("a holder tells its mode, its count, what it publishes, and that somebody asked", () => {
  const holder = {
    token: 9n,
    sessionId: 5n,
    displayName: "job",
    owner: "task",
    mode: LockMode.SHARED,
    grantedAtMs: since,
    correlationId: "job-1",
    count: 2,
    value: new TextEncoder().encode("10.0.0.1:80"),
    metadata: { team: "a" },
    maxHoldRemainingMs: 60_000n,
    releaseAsked: { actor: "me", reason: "deploy" },
  };
  const about =
    'job-1; counts 2; value "10.0.0.1:80"; team=a; 1m left; release asked by me: deploy';
  expect(rowsOf({ state: KeyState.HELD, holders: [holder] })).toEqual([
    ["k", "held", "shared", "job (session 5), owner task", time, "9", about],
  ]);
});

test("permits, delays and waiters have rows of their own, and more waiters are counted", () => {
  const permits = { mode: LockMode.PERMITS, permits: 3 };
  const rows = rowsOf({
    state: KeyState.DELAYED,
    holders: [{ ...permits, token: 9n, sessionId: 5n, grantedAtMs: since, count: 1 }],
    delays: [
      {
        mode: LockMode.PERMITS,
        permits: 1,
        token: 8n,
        sessionId: 6n,
        lostAtMs: since,
        reason: LossReason.MAX_HOLD,
        remainingMs: 5_000n,
        unconfirmed: true,
      },
    ],
    queue: [
      { ...permits, sessionId: 7n, queuedAtMs: since, correlationId: "c" },
      { mode: LockMode.EXCLUSIVE, sessionId: 8n, queuedAtMs: since, holdId: 3n },
    ],
    queueLength: 3,
    holderCount: 5,
  });
  expect(rows).toEqual([
    ["k", "held", "3 permits", "session 5", time, "9", ""],
    ["", "… and 4 more holders", "", "", "", "", ""],
    [
      ...["", "delayed", "1 permit", "session 6", time, "8"],
      "lost by MAX_HOLD, free within 5s, its client may not know yet",
    ],
    ["", "waits 1", "3 permits", "session 7", time, "", "c"],
    ["", "waits 2", "exclusive", "session 8", time, "", "converts hold 3"],
    ["", "… and 1 more waiters", "", "", "", "", ""],
  ]);
});

test("a quarantined key says why, and a key nobody uses says so", () => {
  const quarantine = {
    revision: 12n,
    token: 9n,
    sessionId: 5n,
    reason: LossReason.SESSION_EXPIRED,
    sinceAtMs: since,
  };
  expect(rowsOf({ state: KeyState.QUARANTINED, quarantine })).toEqual([
    [
      ...["k", "quarantined", "", "session 5", time, "9"],
      "lost by SESSION_EXPIRED, quarantined by revision 12",
    ],
  ]);
  expect(rowsOf({ state: KeyState.FREE })).toEqual([["k", "free", "", "", "", "", ""]]);
});

test("a value is shown as text when it is text, otherwise in hex, and is cut when it is long", () => {
  expect(valueText(new TextEncoder().encode("é"))).toBe("é");
  expect(valueText(new Uint8Array([0xff, 1]))).toBe("0xff01");
  expect(valueText(new TextEncoder().encode("x".repeat(65)))).toBe(`${"x".repeat(64)}…`);
});
