import type { Mutant } from "../mutant.ts";

/** Rules of the client on what it may believe. */
export const client: readonly Mutant[] = [
  {
    name: "deadline-from-receipt",
    rule: "The deadline counts from when the acknowledged attempt was sent.",
    package: "client",
    file: "session/keeper.ts",
    edits: [
      {
        search: "this.#answered(seq, sentAt, way, reply);",
        replacement: "this.#answered(seq, instantOf(this.#host.clock), way, reply);",
      },
    ],
    testFile: "session/deadline.test.ts",
    test: "counts from when the acknowledged attempt was sent",
  },
  {
    name: "repeated-open-adds-time",
    rule: "A repeated OpenSession adds no time.",
    package: "client",
    file: "session/opener.ts",
    edits: [
      {
        search: "new Lease(clock, Number(reply.ttlMs), firstAttempt)",
        replacement: "new Lease(clock, Number(reply.ttlMs), instantOf(clock))",
      },
    ],
    testFile: "session/deadline.test.ts",
    test: "counts from the first attempt to open; a repeat adds no time",
  },
  {
    name: "no-margin-for-drift",
    rule: "The client stops believing before the server may give the lock away, although clocks drift.",
    package: "client",
    file: "session/lease.ts",
    edits: [{ search: "const DRIFT_SHARE = 0.99;", replacement: "const DRIFT_SHARE = 1;" }],
    testFile: "session/lease.test.ts",
    test: "lasts 99 % of the time to live less 10 ms, counted from the send time",
  },
  {
    name: "passed-deadline-comes-back",
    rule: "A deadline that has passed stays passed.",
    package: "client",
    file: "session/lease.ts",
    edits: [
      {
        search: "    if (remaining === 0 || left <= remaining) return;",
        replacement: "    if (left <= remaining) return;\n    this.#passed = false;",
      },
    ],
    testFile: "session/lease.test.ts",
    test: "stays passed whatever the clocks and late acknowledgements say",
  },
  {
    name: "sleep-does-not-count",
    rule: "The time a machine slept counts.",
    package: "client",
    file: "ports/clock.ts",
    edits: [
      {
        search:
          "return Math.max(clock.monotonicMs() - since.monotonicMs, clock.unixMs() - since.unixMs);",
        replacement: "return clock.monotonicMs() - since.monotonicMs;",
      },
    ],
    testFile: "session/lease.test.ts",
    test: "counts the time a machine slept, which only the wall clock saw",
  },
  {
    name: "news-do-not-hold-the-deadline",
    rule: "A renewal whose reply tells of unread news does not move the deadline.",
    package: "client",
    file: "session/session.ts",
    edits: [
      {
        search: "if (this.#reconciler.mayMoveDeadline(reply.sessionRevision, epoch)) {",
        replacement:
          "if (this.#reconciler.mayMoveDeadline(reply.sessionRevision, epoch) || epoch > 0n) {",
      },
    ],
    testFile: "session/news.test.ts",
    test: "that the client has not acted on keep renewals from moving the deadline",
  },
  {
    name: "stale-epoch-believed",
    rule: "A reply of an epoch that is over is ignored.",
    package: "client",
    file: "session/epochs.ts",
    edits: [{ search: "    if (header.epoch < this.#highest) return false;\n", replacement: "" }],
    testFile: "session/news.test.ts",
    test: "from a server that has been replaced are not believed",
  },
  {
    name: "reply-to-another-attempt",
    rule: "A reply acknowledges only the attempt it names.",
    package: "client",
    file: "session/keeper.ts",
    edits: [{ search: "reply.seq !== seq || ", replacement: "" }],
    testFile: "session/deadline.test.ts",
    test: "is not moved by a reply to another attempt",
  },
  {
    name: "late-grant-kept",
    rule: "A grant that comes after the end of its session is given back.",
    package: "client",
    file: "lock/acquire.ts",
    edits: [
      {
        search: '    if (outcome.case === "granted") this.#host.giveBackLate(outcome.value);',
        replacement: "    void outcome;",
      },
    ],
    testFile: "session/deadline.test.ts",
    test: "turns a grant that arrives after it into a release",
  },
  {
    name: "aborted-grant-kept",
    rule: "An acquire that was aborted leaves no hold behind.",
    package: "client",
    file: "lock/acquire.ts",
    edits: [
      {
        search: "        if (granted) this.#host.giveBack(granted);\n",
        replacement: "",
      },
    ],
    testFile: "lock/acquire.test.ts",
    test: "that is aborted when it has been granted already gives the lock back",
  },
  {
    name: "loss-outrun-by-its-grant",
    rule: "A hold whose loss is known before its grant arrives is not believed in.",
    package: "client",
    file: "lock/holds.ts",
    edits: [
      {
        search: '    if (lost) throw new LockLostError(targets[0]?.key ?? "", lost, token);\n',
        replacement: "    void [lost, targets, token];\n",
      },
    ],
    testFile: "session/news.test.ts",
    test: "of a loss outrun the grant: it is reported lost, not held",
  },
  {
    name: "sent-again-under-a-new-id",
    rule: "A request is repeated under the id it had.",
    package: "client",
    file: "lock/acquire.ts",
    edits: [
      {
        search: "    const { requestId } = this;\n    return",
        replacement: "    const requestId = this.#host.ids.next();\n    return",
      },
    ],
    testFile: "attach/attach.test.ts",
    test: "gets the same grant for the same request id",
  },
];
