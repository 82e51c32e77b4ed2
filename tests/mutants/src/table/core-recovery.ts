import type { Mutant } from "../mutant.ts";

/** Rules of the core on what outlives an incarnation of the server, and on what is remembered. */
export const coreRecovery: readonly Mutant[] = [
  {
    name: "recovered-session-without-its-time",
    rule: "After a recovery every session has its full time to live.",
    package: "core",
    file: "epoch.ts",
    edits: [
      {
        search: "now.monotonicMs + session.ttlMs + extraMs",
        replacement: "now.monotonicMs + extraMs",
      },
      {
        search: "    session.renewedAtMs = now.monotonicMs;\n",
        replacement: "    session.renewedAtMs = now.monotonicMs - session.ttlMs;\n",
      },
    ],
    testFile: "step.test.ts",
    test: "gives every session its full time to live again, from the start of the epoch",
  },
  {
    name: "delay-begins-anew",
    rule: "A delay goes on after a restart where it was.",
    package: "core",
    file: "epoch.ts",
    edits: [
      {
        search: "runDelay(state, delay, now, now.monotonicMs, consumedMs(state, delay));",
        replacement: "runDelay(state, delay, now, now.monotonicMs);",
      },
    ],
    testFile: "step.test.ts",
    test: "goes on with a delay, less what was written down of it",
  },
  {
    name: "longest-hold-begins-anew",
    rule: "The longest time of a hold goes on after a restart where it was.",
    package: "core",
    file: "epoch.ts",
    edits: [
      {
        search: "runMaxHold(state, hold, now, consumedMs(state, hold));",
        replacement: "runMaxHold(state, hold, now);",
      },
    ],
    testFile: "decide/max-hold.test.ts",
    test: "counts only time that is served, and goes on after a restart",
  },
  {
    name: "confirmations-not-written",
    rule: "An id that was confirmed stays confirmed after a recovery.",
    package: "core",
    file: "decide/decision.ts",
    edits: [
      {
        search: "(session?.answeredPending.toRanges() ?? NO_RANGES)",
        replacement: "[]",
      },
    ],
    testPackage: "server",
    testFile: "restart.test.ts",
    test: "an id that was confirmed before stays confirmed, though what it named made no event",
  },
  {
    name: "lost-token-is-current",
    rule: "The token of a hold that was lost is not current, though its key is still blocked.",
    package: "core",
    file: "decide/reads.ts",
    edits: [
      {
        search: "holds.some((hold) => hold.token === token) ?? false;",
        replacement:
          "holds.some((hold) => hold.token === token) || state.keys.get(key)?.delays.some(({ hold }) => hold.token === token);",
      },
    ],
    testFile: "decide/reads.test.ts",
    test: "says STALE for a hold that was lost, though its key is still blocked",
  },
  {
    name: "snapshot-without-delays",
    rule: "A snapshot forgets no delay.",
    package: "core",
    file: "snapshot/encode.ts",
    edits: [
      {
        search: "for (const delay of state.delays.values()) yield",
        replacement: "for (const delay of [...state.delays.values()].slice(1)) yield",
      },
    ],
    testFile: "snapshot/snapshot.test.ts",
    test: "gives the state back that its events gave, and goes on like it",
  },
];
