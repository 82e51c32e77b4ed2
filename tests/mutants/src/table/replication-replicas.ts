import type { Mutant } from "../mutant.ts";

/** Rules of the server on replicas: who counts, what is kept for them, what is compared. */
export const replicationReplicas: readonly Mutant[] = [
  {
    name: "min-in-sync-ignored",
    rule: "An append for replicas is refused when fewer are in sync than the policy wants.",
    package: "core",
    file: "dataset/append/replicas-in-sync.ts",
    edits: [
      {
        search: "Math.max(neededReplicas(durability, minInSync), minInSync)",
        replacement: "neededReplicas(durability, minInSync)",
      },
    ],
    testFile: "dataset/waits.test.ts",
    test: "refuse the append before anything is written",
  },
  {
    name: "all-of-nobody",
    rule: "ALL_IN_SYNC needs one replica at least, also when the set has become empty.",
    package: "core",
    file: "dataset/waits.ts",
    edits: [{ search: "      return Math.max(1, minInSync);", replacement: "      return 0;" }],
    testFile: "dataset/waits.test.ts",
    test: "an append with ALL_IN_SYNC that nobody has applied says so, though the set is empty",
  },
  {
    name: "all-in-sync-is-a-quorum",
    rule: "ALL_IN_SYNC waits for all that are in sync.",
    package: "core",
    file: "dataset/waits.ts",
    edits: [{ search: "inSync === undefined || inSync >= seq", replacement: "seq >= 0n" }],
    testFile: "dataset/waits.test.ts",
    test: "is answered when all in the set have applied it",
  },
  {
    name: "drifted-replica-counts",
    rule: "Only replicas that are OK count.",
    package: "core",
    file: "dataset/waits.ts",
    edits: [{ search: "    .filter(({ state }) => state === ReplicaState.OK)\n", replacement: "" }],
    testFile: "dataset/waits.test.ts",
    test: "counts no replica that says",
  },
  {
    name: "silent-downgrade",
    rule: "An append that replicas did not apply in time says so.",
    package: "core",
    file: "dataset/waits.ts",
    edits: [
      {
        search: "    : AppendOutcome.APPENDED_NOT_REPLICATED;",
        replacement: "    : AppendOutcome.APPENDED;",
      },
    ],
    testFile: "dataset/waits.test.ts",
    test: "an append says so, and who has applied it, and stays",
  },
  {
    name: "ack-of-an-earlier-generation",
    rule: "Only the generation in force is heard.",
    package: "core",
    file: "dataset/find.ts",
    edits: [
      {
        search: "if (replica.generation !== generation)",
        replacement: "if (replica.generation < generation)",
      },
    ],
    testFile: "dataset/ack.test.ts",
    test: "of an earlier generation, or of nobody, is refused",
  },
  {
    name: "ack-below-the-last",
    rule: "An Ack below the last one of its generation is refused.",
    package: "core",
    file: "dataset/ack.ts",
    edits: [
      {
        search: "if (appliedSeq >= replica.appliedSeq) return;",
        replacement: "if (appliedSeq >= 0n) return;",
      },
    ],
    testFile: "dataset/ack.test.ts",
    test: "is refused below the last one and above the head",
  },
  {
    name: "ack-of-an-older-subscription",
    rule: "An Ack counts only after its replica's log was compared.",
    package: "core",
    file: "dataset/ack.ts",
    edits: [
      {
        search: "if (replica.subscriptionId !== subscriptionId)",
        replacement: "if (subscriptionId < 0n)",
      },
    ],
    testFile: "dataset/ack.test.ts",
    test: "is refused when it does not name the newest subscription of its generation",
  },
  {
    name: "unknown-state-is-ok",
    rule: "A state that is not known counts as QUARANTINED.",
    package: "core",
    file: "dataset/ack.ts",
    edits: [
      {
        search: "isKnown ? state : ReplicaState.QUARANTINED",
        replacement: "isKnown ? state : ReplicaState.OK",
      },
    ],
    testFile: "dataset/ack.test.ts",
    test: "of a state that is not known counts as QUARANTINED",
  },
  {
    name: "silent-replica-in-sync",
    rule: "A replica that has fallen silent is not in sync.",
    package: "core",
    file: "dataset/in-sync.ts",
    edits: [
      {
        search: "monotonicMs <= leaseUntilMs",
        replacement: "monotonicMs <= leaseUntilMs + 60_000",
      },
    ],
    testFile: "dataset/ack.test.ts",
    test: "is in sync exactly while its last Ack is not older than the lease",
  },
  {
    name: "lagging-replica-in-sync",
    rule: "A replica that lags too far is not in sync.",
    package: "core",
    file: "dataset/in-sync.ts",
    edits: [{ search: " && appliedSeq >= seq", replacement: "" }],
    testFile: "dataset/ack.test.ts",
    test: "is in sync while it has applied what the head was a while ago, and again later",
  },
  {
    name: "passed-checkpoint-unseen",
    rule: "A journal whose changes do not lead to its checkpoints is damaged.",
    package: "core",
    file: "dataset/apply-append.ts",
    edits: [
      {
        search: "sameBytes(logHash, head.logHash) && sameBytes(root, digest.root())",
        replacement: "sameBytes(logHash, head.logHash)",
      },
    ],
    testFile: "dataset/verify-roots.test.ts",
    test: "Each checkpoint that is passed must be what the changes before it lead to",
  },
  {
    name: "log-dropped-under-a-snapshot",
    rule: "The log is held for a snapshot that is read.",
    package: "core",
    file: "dataset/trim.ts",
    edits: [
      {
        search: "(held === undefined || wanted.seq <= held)",
        replacement: "(held === undefined || wanted.seq >= 0n)",
      },
    ],
    testFile: "dataset/snapshot-holds.test.ts",
    test: "holds the log behind its low for a lease after each chunk",
  },
  {
    name: "idempotency-keys-dropped-early",
    rule: "An idempotency key lives as long as its change.",
    package: "core",
    file: "dataset/trim.ts",
    edits: [{ search: "  if (droppable > floor.seq) droppable = floor.seq;\n", replacement: "" }],
    testFile: "dataset/trim.test.ts",
    test: "drops idempotency keys later than changes, never earlier",
  },
  {
    name: "cursor-of-another-log",
    rule: "A cursor with another log hash is refused.",
    package: "core",
    file: "dataset/subscribe.ts",
    edits: [
      {
        search: "if (!isBare && !isAt(at, { seq, logHash }))",
        replacement: "if (!isBare && at.seq !== seq)",
      },
    ],
    testFile: "dataset/subscribe.test.ts",
    test: "is refused when the log there is another, or not there yet",
  },
  {
    name: "damaged-bucket-listed",
    rule: "The authority looks at its own rows before a replica's are compared with them.",
    package: "core",
    file: "dataset/drift-reads.ts",
    edits: [
      {
        search:
          "    if (damage !== undefined) throw damageOf(dataset, damage);\n    if (!room.take(bytesOf(scrubbed.rows))) break;",
        replacement:
          "    if (damage === null) throw damageOf(dataset, damage);\n    if (!room.take(bytesOf(scrubbed.rows))) break;",
      },
    ],
    testFile: "dataset/drift-reads.test.ts",
    test: "is refused when a row is missing, and when one is too many",
  },
];
