import type { Mutant } from "../mutant.ts";

/** Rules of appends: what is refused, what is a duplicate, how it is numbered. */
export const replicationAppend: readonly Mutant[] = [
  {
    name: "duplicate-behind-the-fence",
    rule: "A duplicate is answered with its seq, whatever its fence.",
    package: "core",
    file: "dataset/append/append.ts",
    edits: [
      {
        search: "  if (fresh.length === 0) {",
        replacement: "  requireFence(state, dataset, request.fence);\n  if (fresh.length === 0) {",
      },
    ],
    testFile: "dataset/append/duplicates.test.ts",
    test: "alone makes no event, and meets no other check",
  },
  {
    name: "expectations-before-the-fence",
    rule: "The fence is checked before what the writer expects.",
    package: "core",
    file: "dataset/append/append.ts",
    edits: [
      {
        search:
          "  requireFence(state, dataset, request.fence);\n  requireHead(dataset, request.expectedHeadSeq);",
        replacement:
          "  requireHead(dataset, request.expectedHeadSeq);\n  requireFence(state, dataset, request.fence);",
      },
    ],
    testFile: "dataset/append/append.test.ts",
    test: "are made in their order, and each refuses everything",
  },
  {
    name: "expired-before-conflict",
    rule: "A conflict is told before it is told that a key may be forgotten.",
    package: "core",
    file: "dataset/append/duplicates.ts",
    edits: [
      {
        search: "      unknown ??= one;\n",
        replacement:
          "      unknown ??= one;\n      if (sinceSeq !== undefined && sinceSeq < dataset.droppedSeq) break;\n",
      },
    ],
    testFile: "dataset/append/duplicates.test.ts",
    test: "is told after another whose key is remembered with other content",
  },
  {
    name: "other-content-is-a-duplicate",
    rule: "An idempotency key with other content refuses the whole batch.",
    package: "core",
    file: "dataset/append/duplicates.ts",
    edits: [
      {
        search:
          "    if (!sameBytes(record.payloadHash, payloadHash)) throw conflict(one, record.seq);\n",
        replacement: "",
      },
    ],
    testFile: "dataset/append/duplicates.test.ts",
    test: "with anything else in it refuses the whole batch",
  },
  {
    name: "forgotten-key-appends-again",
    rule: "A change whose idempotency key may have been forgotten is not appended.",
    package: "core",
    file: "dataset/append/duplicates.ts",
    edits: [{ search: "if (sinceSeq < dataset.droppedSeq)", replacement: "if (sinceSeq < 0n)" }],
    testFile: "dataset/append/duplicates.test.ts",
    test: "is refused when it may have been dropped since",
  },
  {
    name: "seqs-with-gaps",
    rule: "Seqs are dense.",
    package: "core",
    file: "dataset/append/written.ts",
    edits: [
      {
        search: "seq + BigInt(at + 1)",
        replacement: "seq + BigInt(fresh.length > 1 ? 2 * at + 2 : at + 1)",
      },
    ],
    testFile: "dataset/append/append.test.ts",
    test: "gets dense numbers from 1 on, and is one event",
  },
  {
    name: "log-hash-without-chain",
    rule: "The log hash is chained over every change.",
    package: "core",
    file: "dataset/append/written.ts",
    edits: [
      {
        search: "logHashes.at(-1)",
        replacement: "logHashes.at(0)",
      },
    ],
    testFile: "dataset/history.test.ts",
    test: "goes on from a snapshot as from the events before it",
  },
  {
    name: "same-key-twice-unseen",
    rule: "Changes of one key in a batch see one another.",
    package: "core",
    file: "dataset/append/written.ts",
    edits: [
      {
        search: "const old = before.has(text) ? before.get(text) : rows.head(key);",
        replacement: "const old = rows.head(key);",
      },
    ],
    testFile: "dataset/append/append.test.ts",
    test: "changes the rows of its keys, in its order",
  },
  {
    name: "any-token-is-a-fence",
    rule: "A fence is the token of a live hold.",
    package: "core",
    file: "dataset/append/fence.ts",
    edits: [{ search: "hold.token === token && targetOf", replacement: "targetOf" }],
    testFile: "dataset/append/fence.test.ts",
    test: "is refused with every other token",
  },
  {
    name: "shared-hold-is-a-fence",
    rule: "Only an EXCLUSIVE hold fences.",
    package: "core",
    file: "dataset/append/fence.ts",
    edits: [
      {
        search: "targetOf(hold.targets, key)?.mode === LockMode.EXCLUSIVE",
        replacement: "targetOf(hold.targets, key) !== undefined",
      },
    ],
    testFile: "dataset/append/fence.test.ts",
    test: "is refused for a hold that others may have beside it",
  },
  {
    name: "fence-may-be-missing",
    rule: "A fence that the policy requires must be there.",
    package: "core",
    file: "dataset/append/fence.ts",
    edits: [{ search: "if (!fenceRequired) return;", replacement: "return;" }],
    testFile: "dataset/append/fence.test.ts",
    test: "must be there when the policy requires one",
  },
  {
    name: "older-key-expected",
    rule: "A change is refused when its key has moved on.",
    package: "core",
    file: "dataset/append/expectations.ts",
    edits: [
      { search: "if (seq === expected) continue;", replacement: "if (seq >= expected) continue;" },
    ],
    testFile: "dataset/append/expectations.test.ts",
    test: "that is another is refused, telling the actual one and whose it is",
  },
];
