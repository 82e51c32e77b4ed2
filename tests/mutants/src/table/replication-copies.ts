import type { Mutant } from "../mutant.ts";

/** Rules of a replica on what it may apply, compare, repair and say. */
export const replicationCopies: readonly Mutant[] = [
  {
    name: "older-change-over-a-newer-row",
    rule: "Up to a snapshot's high a change counts only when it is above the row.",
    package: "replica",
    file: "apply/batches.ts",
    edits: [
      { search: "if (guarded && before && change.seq <= before.seq) return;", replacement: "" },
    ],
    testFile: "snapshot/snapshot.test.ts",
    test: "keeps a row that is newer than a change of its tail",
  },
  {
    name: "snapshot-published-unseen",
    rule: "A snapshot is published only when its digest is the server's.",
    package: "replica",
    file: "snapshot/staging.ts",
    edits: [
      {
        search: "if (BigInt(digest.count) !== high.count || !sameBytes(digest.root(), high.root))",
        replacement: "if (high.count < 0n)",
      },
    ],
    testFile: "snapshot/snapshot.test.ts",
    test: "differs at high, and tried again with growing pauses",
  },
  {
    name: "gap-in-the-tail",
    rule: "Changes that do not follow the cursor are not applied.",
    package: "replica",
    file: "follow/subscription.ts",
    edits: [{ search: "if (prevSeq !== this.#received.seq)", replacement: "if (prevSeq < 0n)" }],
    testFile: "follow/tail.test.ts",
    test: "is not applied from a message that says it belongs elsewhere",
  },
  {
    name: "log-hash-unseen",
    rule: "Changes with another log hash are another log.",
    package: "replica",
    file: "follow/subscription.ts",
    edits: [
      {
        search: "if (!sameBytes(position.logHash, logHash))",
        replacement: "if (logHash.length === 0)",
      },
    ],
    testFile: "follow/tail.test.ts",
    test: "that has another hash than its changes is another log: its rows are not used any more",
  },
  {
    name: "ack-told-once",
    rule: "An Ack is sent again each second, though nothing has changed.",
    package: "replica",
    file: "ack/acker.ts",
    edits: [
      {
        search: "    else this.#timer = clock.after(INTERVAL_MS, () => this.kick());\n",
        replacement: "",
      },
    ],
    testFile: "ack/ack.test.ts",
    test: "is sent again each second, with generation and subscription, though nothing has changed",
  },
  {
    name: "unknown-schema-skipped",
    rule: "A schema version that nobody knows stops the replica.",
    package: "replica",
    file: "follow/known.ts",
    edits: [
      {
        search: "return knows(schemaVersion) ? undefined : version();",
        replacement: "return undefined;",
      },
    ],
    testFile: "follow/tail.test.ts",
    test: "is followed no further than a schema version that nobody here knows",
  },
  {
    name: "comparison-before-the-answer",
    rule: "Nothing that is still under way is taken for drift.",
    package: "replica",
    file: "drift/locate.ts",
    edits: [{ search: "  await reach(asOf);\n  const nodes", replacement: "  const nodes" }],
    testFile: "drift/drift.test.ts",
    test: "never takes for drift what is still under way",
  },
  {
    name: "repair-at-another-place",
    rule: "A repair is written at exactly the position of the answer.",
    package: "replica",
    file: "drift/repair.ts",
    edits: [{ search: "    await reach(asOf);\n", replacement: "" }],
    testFile: "drift/drift.test.ts",
    test: "writes nothing over a key that a change has mended before the repair",
  },
  {
    name: "repair-by-default",
    rule: "Nothing is repaired unless that was chosen.",
    package: "replica",
    file: "drift/inspector.ts",
    edits: [{ search: "if (!repair) return", replacement: "if (repair === undefined) return" }],
    testFile: "drift/drift.test.ts",
    test: "tells missing, extra and divergent keys apart, and repairs nothing unless told to",
  },
  {
    name: "repaired-for-ever",
    rule: "A key that differs again after its repair has the replica start anew.",
    package: "replica",
    file: "drift/inspector.ts",
    edits: [
      {
        search: "const again = findings.some(({ key }) => this.#repaired.has(textOf(key)));",
        replacement: "const again = false;",
      },
    ],
    testFile: "drift/drift.test.ts",
    test: "starts anew with a snapshot when a key differs again after its repair",
  },
  {
    name: "compared-elsewhere",
    rule: "Rows are compared only where the checkpoint is.",
    package: "replica",
    file: "verify/compare.ts",
    edits: [{ search: 'if (progress.cursor.seq !== seq) return "NOT_COMPARED";', replacement: "" }],
    testFile: "verify/verify.test.ts",
    test: "of another place than the replica's is not compared",
  },
  {
    name: "verified-without-match",
    rule: "verified_seq moves only with a match.",
    package: "replica",
    file: "follow/following.ts",
    edits: [
      {
        search: '    if (result === "MATCH") {',
        replacement: '    if (result !== "NOT_COMPARED") {',
      },
    ],
    testFile: "verify/verify.test.ts",
    test: "moves verified_seq only when it matches",
  },
  {
    name: "parked-change-forgotten",
    rule: "A later change of a parked key is parked, too.",
    package: "replica",
    file: "apply/projection.ts",
    edits: [
      {
        search: "this.#parked.has(textOf(change.key)) || this.#holdings.hasParked(change.key)",
        replacement: "change.key.length < 0",
      },
    ],
    testFile: "poison/poison.test.ts",
    test: "is parked with all later ones of its key, while rows and digest go on",
  },
  {
    name: "degraded-says-ok",
    rule: "A replica with parked changes does not say that it is OK.",
    package: "replica",
    file: "follow/following.ts",
    edits: [
      {
        search: 'const degraded = unusable || standing.state === "DEGRADED";',
        replacement: "const degraded = unusable;",
      },
    ],
    testFile: "poison/poison.test.ts",
    test: "is parked with all later ones of its key, while rows and digest go on",
  },
  {
    name: "fresher-than-applied",
    rule: "Rows are as fresh as the question whose head they have applied.",
    package: "replica",
    file: "read/freshness.ts",
    edits: [{ search: "mark.head <= this.#applied && ", replacement: "" }],
    testFile: "read/read.test.ts",
    test: "is never told to be fresher than the changes it lacks, whatever the acks say",
  },
  {
    name: "strong-by-an-earlier-head",
    rule: "A STRONG read is as of a head that was asked for after it began.",
    package: "replica",
    file: "read/reads.ts",
    edits: [
      {
        search: "return () => freshness.freshAsOf > asked;",
        replacement: "return () => freshness.freshAsOf >= asked;",
      },
    ],
    testFile: "read/read.test.ts",
    test: "that is STRONG is answered as of a head that was asked for after it began",
  },
  {
    name: "strong-without-asking",
    rule: "A STRONG read is answered only when the server was asked for its head.",
    package: "replica",
    file: "read/reads.ts",
    edits: [
      { search: "return () => freshness.freshAsOf > asked;", replacement: "return () => true;" },
    ],
    testFile: "read/read.test.ts",
    test: "that is STRONG fails when nobody can be asked",
  },
  {
    name: "at-least-whatever-is-there",
    rule: "An AT_LEAST read shows every change up to its seq.",
    package: "replica",
    file: "read/reads.ts",
    edits: [
      {
        search: "return () => (this.#holdings.published?.progress.cursor.seq ?? 0n) >= wanted.seq;",
        replacement: "return () => wanted.seq > 0n;",
      },
    ],
    testFile: "read/read.test.ts",
    test: "that is AT_LEAST waits for its seq as long as it may",
  },
  {
    name: "as-old-as-one-clock-says",
    rule: "The time that a machine slept makes its rows older, too.",
    package: "replica",
    file: "read/freshness.ts",
    edits: [
      {
        search:
          "return Math.max(this.#clock.monotonicMs() - monotonicMs, this.#clock.unixMs() - unixMs);",
        replacement: "return this.#clock.monotonicMs() - monotonicMs + 0 * unixMs;",
      },
    ],
    testFile: "read/read.test.ts",
    test: "tells the time that a machine slept, too",
  },
  {
    name: "as-old-as-the-wall-clock-says",
    rule: "Whoever sets the wall clock back makes no row younger.",
    package: "replica",
    file: "read/freshness.ts",
    edits: [
      {
        search:
          "return Math.max(this.#clock.monotonicMs() - monotonicMs, this.#clock.unixMs() - unixMs);",
        replacement: "return this.#clock.unixMs() - unixMs + 0 * monotonicMs;",
      },
    ],
    testFile: "read/read.test.ts",
    test: "tells the time that has passed although the wall clock was set back",
  },
  {
    name: "digest-of-a-broken-transaction",
    rule: "A transaction that failed leaves no trace in the digest.",
    package: "replica",
    file: "digest/digest-changes.ts",
    edits: [
      {
        search:
          "    for (const [bucket, before] of this.#before) this.#digest.setBucket(bucket, before);",
        replacement: "",
      },
    ],
    testFile: "poison/poison.test.ts",
    test: "is tried again with growing pauses, and applied once in the end",
  },
  {
    name: "history-taken-for-drift",
    rule: "Another log hash at a checkpoint is another history.",
    package: "replica",
    file: "verify/compare.ts",
    edits: [
      {
        search: 'if (!sameBytes(progress.cursor.logHash, logHash)) return "HISTORY";',
        replacement: "",
      },
    ],
    testFile: "verify/verify.test.ts",
    test: "with another log hash means another history: the replica starts anew",
  },
];
