import type { Mutant } from "../mutant.ts";

/** Rules of the core on how holds, waits and sessions end. */
export const coreHolds: readonly Mutant[] = [
  {
    name: "release-without-token",
    rule: "Release ends only the hold that has the id and the token.",
    package: "core",
    file: "decide/release.ts",
    edits: [
      {
        search: "if (hold !== undefined && hasHadToken(hold, request.token)) {",
        replacement: "if (hold !== undefined) {",
      },
    ],
    testFile: "decide/release.test.ts",
    test: "needs both numbers of the hold",
  },
  {
    name: "still-held-ends-the-hold",
    rule: "A hold that counts several grants is held until the last is released.",
    package: "core",
    file: "decide/release.ts",
    edits: [{ search: "    if (hold.count > 1) return leave(draft, hold);\n", replacement: "" }],
    testFile: "decide/re-entry.test.ts",
    test: "takes as many releases as it took grants",
  },
  {
    name: "delay-skipped",
    rule: "Keys that are taken from a client stay blocked until it must have noticed.",
    package: "core",
    file: "decide/endings.ts",
    edits: [
      {
        search: "delayed: !immediate && reason !== LossReason.SESSION_EXPIRED,",
        replacement: "delayed: false,",
      },
    ],
    testFile: "decide/force-release.test.ts",
    test: "ends the hold and keeps its key blocked for the rest of the time to live",
  },
  {
    name: "immediate-skips-quarantine",
    rule: "A hold taken with QUARANTINE quarantines its keys even when they are freed at once.",
    package: "core",
    file: "decide/endings.ts",
    edits: [
      {
        search: "quarantined: hold.onLoss.action === OnLossAction.QUARANTINE,",
        replacement: "quarantined: !immediate && hold.onLoss.action === OnLossAction.QUARANTINE,",
      },
    ],
    testFile: "decide/loss.test.ts",
    test: "outlives whatever its client says, and a restart",
  },
  {
    name: "force-release-of-any-token",
    rule: "ForceRelease ends only the hold that the operator has seen.",
    package: "core",
    file: "decide/force-release.ts",
    edits: [
      {
        search: "record?.holds.find(({ token }) => token === expectedToken)",
        replacement: "record?.holds.at(0)",
      },
    ],
    testFile: "decide/force-release.test.ts",
    test: "refuses another token than the holder's, and tells that one",
  },
  {
    name: "ended-session-waits-on",
    rule: "Whoever waits is gone as soon as its session ends.",
    package: "core",
    file: "decide/endings.ts",
    edits: [
      {
        search:
          "  for (const ticket of session.tickets.values())\n    addTicketEnded(draft, ticket, TicketEnd.SESSION_ENDED);\n",
        replacement: "",
      },
    ],
    testFile: "decide/close-session.test.ts",
    test: "ends the session's own waits, which are granted nothing",
  },
  {
    name: "cancel-leaves-the-waiter",
    rule: "A cancelled request waits no more.",
    package: "core",
    file: "decide/cancel-acquire.ts",
    edits: [
      {
        search:
          "      addTicketEnded(draft, state.tickets.get(acquire.ticketId) as Ticket, TicketEnd.CANCELLED);\n",
        replacement: "",
      },
    ],
    testFile: "decide/cancel-acquire.test.ts",
    test: "ends a wait, and the place in the queue goes to the next",
  },
  {
    name: "cancelled-request-runs-later",
    rule: "A request that was cancelled before it arrived never runs.",
    package: "core",
    file: "apply/lock.ts",
    edits: [
      {
        search: 'keep(session, body.acquireRequestId, 0n, { kind: "refused" });',
        replacement: "",
      },
    ],
    testFile: "decide/cancel-acquire.test.ts",
    test: "makes sure that an acquire which has not arrived is refused when it does",
  },
  {
    name: "answered-id-executed",
    rule: "A request whose reply the client has confirmed is never executed again.",
    package: "core",
    file: "decide/admission.ts",
    edits: [
      {
        search: "  if (session.answered.has(requestId)) {",
        replacement: "  if (session.answered.size < 0) {",
      },
    ],
    testFile: "decide/acquire-repeat.test.ts",
    test: "is never executed, whatever it had been answered",
  },
  {
    name: "reused-id-accepted",
    rule: "A request id stands for one content.",
    package: "core",
    file: "decide/admission.ts",
    edits: [
      {
        search:
          "if (outcome.fingerprint === fingerprint || outcome.fingerprint === 0n) return outcome;",
        replacement: "if (fingerprint >= 0n) return outcome;",
      },
    ],
    testFile: "decide/acquire-repeat.test.ts",
    test: "is refused when the content is another",
  },
  {
    name: "early-expiry",
    rule: "No session expires before its time to live has passed since the last keep-alive.",
    package: "core",
    file: "decide/tick.ts",
    edits: [
      {
        search: "const deadlineMs = session.renewedAtMs + session.ttlMs;",
        replacement: "const deadlineMs = session.renewedAtMs;",
      },
    ],
    testFile: "decide/tick.test.ts",
    test: "lets a renewal win that arrived before it, however late the tick",
  },
  {
    name: "keep-alive-extends-longest-hold",
    rule: "A keep-alive does not extend the longest time of a hold.",
    package: "core",
    file: "decide/keep-alive.ts",
    edits: [
      {
        search: "  session.renewedAtMs = now.monotonicMs;\n",
        replacement:
          "  session.renewedAtMs = now.monotonicMs;\n  for (const hold of session.holds.values())\n    hold.heldUntilMs = now.monotonicMs + hold.maxHoldMs;\n",
      },
    ],
    testFile: "decide/max-hold.test.ts",
    test: "ends a hold when it is over, whatever is renewed, and not before",
  },
  {
    name: "seen-ends-a-lock-delay",
    rule: "That a client has seen its loss does not end the delay its hold was taken with.",
    package: "core",
    file: "decide/keep-alive.ts",
    edits: [
      {
        search: "  if (delay.lockDelayUntilMs <= now.monotonicMs) {",
        replacement: "  if (now.monotonicMs > 0) {",
      },
    ],
    testFile: "decide/loss.test.ts",
    test: "is not ended by what the client has seen, which ends only its own part",
  },
  {
    name: "untold-renewal-does-not-count",
    rule: "A renewal that could not tell a loss starts the time in which its client may believe again.",
    package: "core",
    file: "decide/keep-alive.ts",
    edits: [
      {
        search: "    else if (delay.lostRevision > sessionRevision) restart(delay, now);\n",
        replacement: "",
      },
    ],
    testFile: "decide/keep-alive.test.ts",
    test: "restarts the delay when its reply could not tell the loss yet",
  },
  {
    name: "news-not-told",
    rule: "A keep-alive is answered with the last durable loss of its session.",
    package: "core",
    file: "decide/keep-alive.ts",
    edits: [{ search: "return last >= 0 ? (news[0] as bigint) : 0n;", replacement: "return 0n;" }],
    testFile: "decide/keep-alive.test.ts",
    test: "tells the revision of the last loss, and of nothing else",
  },
  {
    name: "seen-above-the-durable",
    rule: "What is not durable cannot have been seen.",
    package: "core",
    file: "decide/keep-alive.ts",
    edits: [
      {
        search: "if (request.seenRevision > facts.durableRevision) throw",
        replacement: "if (request.seenRevision > facts.durableRevision + 1_000n) throw",
      },
    ],
    testFile: "decide/keep-alive.test.ts",
    test: "refuses to have seen what is not durable, and does not renew by it",
  },
];
