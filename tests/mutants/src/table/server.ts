import type { Mutant } from "../mutant.ts";

/** Rules of the server's executor and journal. */
export const server: readonly Mutant[] = [
  {
    name: "reply-before-durable",
    rule: "No reply leaves before what it tells is durable.",
    package: "server",
    file: "executor/executor.ts",
    edits: [
      {
        search: "if (!this.#batch.isEmpty) this.#batch.addReply(reply);",
        replacement: "if (!this.#batch.isEmpty) reply();",
      },
    ],
    testFile: "executor/executor.test.ts",
    test: "lets no reply leave before its batch is durable",
  },
  {
    name: "read-before-durable",
    rule: "A read waits until what was decided before it is durable.",
    package: "server",
    file: "executor/commit-pipeline.ts",
    edits: [
      {
        search: "    if (last === undefined) reply();\n    else last.replies.push(reply);",
        replacement: "    reply();",
      },
    ],
    testFile: "executor/executor.test.ts",
    test: "keeps reads, repeats and refusals back until what was decided before them is durable",
  },
  {
    name: "event-shown-before-durable",
    rule: "An event is shown to nobody before it is durable.",
    package: "server",
    file: "executor/executor.ts",
    edits: [
      {
        search: "      event.node = this.#parts.node;\n",
        replacement:
          "      event.node = this.#parts.node;\n      this.#listeners.committed([event], event.revision);\n",
      },
    ],
    testFile: "executor/executor.test.ts",
    test: "shows events to watchers only when they are durable, without what only the journal may know",
  },
  {
    name: "expiry-without-poll",
    rule: "What lies unread in a socket is heard before an expiry is decided.",
    package: "server",
    file: "executor/due-timer.ts",
    edits: [{ search: "this.#clock.afterPoll(this.#nominate);", replacement: "this.#nominate();" }],
    testFile: "executor/time-and-failure.test.ts",
    test: "hears a renewal that lay unread before it decides an expiry",
  },
  {
    name: "stall-counts",
    rule: "A stall of the server moves every deadline by its length.",
    package: "server",
    file: "executor/lease-clock.ts",
    edits: [{ search: " - clock.stalls().totalMs", replacement: "" }],
    testFile: "executor/time-and-failure.test.ts",
    test: "adds a stall of the event loop to every deadline",
  },
  {
    name: "goes-on-after-a-failed-write",
    rule: "After the first write that failed nothing more is acknowledged.",
    package: "server",
    file: "executor/executor.ts",
    edits: [
      {
        search:
          "this.#committed(events, tookMs, bytes),\n      failed: (error) => this.#stop(error),",
        replacement: "this.#committed(events, tookMs, bytes),\n      failed: () => {},",
      },
    ],
    testFile: "executor/time-and-failure.test.ts",
    test: "stops and leaves every outcome open when an append ends as",
  },
  {
    name: "tail-not-compared",
    rule: "A writer that believes in another end of the journal writes nothing.",
    package: "server",
    file: "journal/memory.ts",
    edits: [
      {
        search: "if (expectedTail !== this.#proposed.tail) {",
        replacement: "if (expectedTail < 0n) {",
      },
    ],
    testFile: "journal/memory.test.ts",
    titledIn: "journal/contract.ts",
    test: "an append that expects another tail is deposed, and so are all later ones",
  },
  {
    name: "epoch-not-compared",
    rule: "No batch of an epoch that is over is written.",
    package: "server",
    file: "journal/check-batch.ts",
    edits: [
      {
        search: "if (batch.epoch < known.epoch || batch.epoch",
        replacement: "if (batch.epoch",
      },
    ],
    testFile: "journal/memory.test.ts",
    titledIn: "journal/contract.ts",
    test: "a batch that breaks a bound is refused and changes nothing",
  },
  {
    name: "tail-on-disk-not-compared",
    rule: "A writer that another one has followed on the same disk writes nothing.",
    package: "server",
    file: "journal/sqlite/store.ts",
    edits: [{ search: "if (found !== end.revision) {", replacement: "if (found < 0n) {" }],
    testFile: "journal/sqlite/sqlite-journal.test.ts",
    test: "another program that wrote a batch deposes the journal",
  },
  {
    name: "index-not-proven",
    rule: "An index that a disk has spoilt is not believed.",
    package: "server",
    file: "journal/sqlite/segment-table.ts",
    edits: [{ search: "if (!isEqual(asBytes(row.checksum), ", replacement: "if (!isEqual(" }],
    testFile: "journal/sqlite/read-page.test.ts",
    test: "a segment that was damaged since the start is not believed",
  },
  {
    name: "newest-not-read",
    rule: "A read by key finds what is in no index yet.",
    package: "server",
    file: "journal/sqlite/read-page.ts",
    edits: [
      {
        search: "        this.#scan(page, page.end, isChosen);",
        replacement: "        page.reach(page.end);",
      },
    ],
    testFile: "journal/sqlite/read-page.test.ts",
    test: "what a filter chooses is what a scan of all events finds, however the index is cut",
  },
];
