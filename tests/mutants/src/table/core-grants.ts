import type { Mutant } from "../mutant.ts";

/** Rules of the core on who is granted what. */
export const coreGrants: readonly Mutant[] = [
  {
    name: "barging-newcomer",
    rule: "Nobody is granted before an earlier waiter it conflicts with.",
    package: "core",
    file: "decide/grants.ts",
    edits: [
      {
        search: "return admits(record.taken, record.waiting, target, limitFor(state, target));",
        replacement: "return admits(record.taken, NOBODY, target, limitFor(state, target));",
      },
    ],
    testFile: "decide/grants.test.ts",
    test: "lets nobody pass an earlier waiter it conflicts with, who waits or not",
  },
  {
    name: "shared-beside-exclusive",
    rule: "EXCLUSIVE stands beside nobody.",
    package: "core",
    file: "state/tally.ts",
    edits: [
      {
        search: "if (taken.exclusive + before.exclusive > 0) return false;\n  const taking",
        replacement: "if (before.exclusive > 0) return false;\n  const taking",
      },
    ],
    testFile: "decide/grants.test.ts",
    test: "grants all that a change makes possible at once, in the order of arrival",
  },
  {
    name: "second-upgradable",
    rule: "One hold of a key at most is UPGRADABLE.",
    package: "core",
    file: "state/tally.ts",
    edits: [
      {
        search: "if (mode === LockMode.UPGRADABLE) return upgradable === 0;",
        replacement: "if (mode === LockMode.UPGRADABLE) return true;",
      },
    ],
    testFile: "decide/grants.test.ts",
    test: "lets past who conflicts with nobody before it, newcomer or waiter",
  },
  {
    name: "permits-over-the-limit",
    rule: "No more permits are held than the policy offers.",
    package: "core",
    file: "state/tally.ts",
    edits: [{ search: "taking + permits <= limit", replacement: "taking + permits <= limit + 1" }],
    testFile: "decide/grants.test.ts",
    test: "counts the permits of earlier waiters",
  },
  {
    name: "half-of-several-keys",
    rule: "Several keys are granted all together or not at all.",
    package: "core",
    file: "decide/grants.ts",
    edits: [
      {
        search:
          "if (isFree && (ticket.targets.length === 1 || others.isFirst(ticket))) found.push(ticket);",
        replacement: "if (isFree) found.push(ticket);",
      },
    ],
    testFile: "decide/grants.test.ts",
    test: "wait for every earlier waiter of any of them, and for nobody else",
  },
  {
    name: "convert-passes-readers",
    rule: "A hold becomes EXCLUSIVE only when nobody else holds its key.",
    package: "core",
    file: "decide/grants.ts",
    edits: [
      {
        search: "return admits(others, NOBODY, to, permitsOf(state, record.key));",
        replacement: "return admits(NOBODY, NOBODY, to, permitsOf(state, record.key));",
      },
    ],
    testFile: "decide/convert.test.ts",
    test: "waits for those beside it, is granted before all who wait, and by a new token",
  },
  {
    name: "upgrade-keeps-its-token",
    rule: "A hold that becomes EXCLUSIVE gets a new token.",
    package: "core",
    file: "decide/convert.ts",
    edits: [
      {
        search: "const token = to.mode === LockMode.EXCLUSIVE ? draft.next : hold.token;",
        replacement: "const token = hold.token;",
      },
    ],
    testFile: "decide/convert.test.ts",
    test: "that nobody is in the way of gives the whole hold a new token, and keeps its id",
  },
  {
    name: "upgrade-of-shared",
    rule: "SHARED never becomes something stronger.",
    package: "core",
    file: "decide/convert.ts",
    edits: [
      {
        search: "if (from.mode !== LockMode.UPGRADABLE || to.mode !== LockMode.EXCLUSIVE)",
        replacement: "if (to.mode !== LockMode.EXCLUSIVE)",
      },
    ],
    testFile: "decide/convert.test.ts",
    test: "of permits is refused",
  },
  {
    name: "transfer-to-another-request",
    rule: "A hold is given only to who waits for just what it has.",
    package: "core",
    file: "decide/transfer.ts",
    edits: [
      {
        search:
          "return ticket !== undefined && isSame(ticket.targets, hold.targets) ? ticket : undefined;",
        replacement: "return ticket;",
      },
    ],
    testFile: "decide/transfer.test.ts",
    test: "to a request that waits for another mode, other keys, more keys or other permits",
  },
  {
    name: "key-quarantine-ignored",
    rule: "A quarantined key is granted to nobody.",
    package: "core",
    file: "decide/acquire-rules.ts",
    edits: [
      {
        search: "if (state.quarantinedKeys.size > 0)",
        replacement: "if (state.quarantinedKeys.size > 1_000)",
      },
    ],
    testFile: "decide/loss.test.ts",
    test: "denies newcomers and waiters of its key at once, of many keys too",
  },
  {
    name: "principal-quarantine-ignored",
    rule: "A quarantined principal is granted nothing.",
    package: "core",
    file: "decide/acquire.ts",
    edits: [
      {
        search: "if (state.quarantinedIdentities.has(session.principal))",
        replacement: 'if (state.quarantinedIdentities.has(""))',
      },
    ],
    testFile: "decide/quarantine.test.ts",
    test: "is denied what it asks and what it waits for; what it holds stays",
  },
  {
    name: "deadlock-not-searched",
    rule: "A circle of waiters is broken at once.",
    package: "core",
    file: "decide/deadlock.ts",
    edits: [
      {
        search: "if (circle !== undefined) return endOfVictim(this.#state, circle, now);",
        replacement: "if (circle === null) return endOfVictim(this.#state, circle, now);",
      },
    ],
    testFile: "decide/deadlock.test.ts",
    test: "loses the newest of its waiting requests, and no hold",
  },
  {
    name: "wrong-victim",
    rule: "The victim of a circle has the lowest priority, among equals it is the newest.",
    package: "core",
    file: "decide/deadlock.ts",
    edits: [{ search: "return a.id > b.id;", replacement: "return a.id < b.id;" }],
    testFile: "decide/deadlock.test.ts",
    test: "loses the newest of its waiting requests, and no hold",
  },
  {
    name: "grant-in-the-pause",
    rule: "A new lineage grants nothing before its pause is over.",
    package: "core",
    file: "decide/grants.ts",
    edits: [
      {
        search: "  if (now.monotonicMs < state.grantsFromMs) return false;\n",
        replacement: "",
      },
    ],
    testFile: "step.test.ts",
    test: "grants nothing before its pause is over, then in the order of arrival",
  },
  {
    name: "any-overlap-enters",
    rule: "A hold is entered again only for exactly its targets and modes.",
    package: "core",
    file: "decide/acquire-rules.ts",
    edits: [
      {
        search: "if (reentrancy === Reentrancy.COUNT && isSame(hold.targets, targets))",
        replacement: "if (reentrancy === Reentrancy.COUNT)",
      },
    ],
    testFile: "decide/re-entry.test.ts",
    test: "is for exactly the same keys and modes, in whatever order",
  },
  {
    name: "order-ignored",
    rule: "With ascending order an owner asks only for keys above those it holds.",
    package: "core",
    file: "decide/acquire-rules.ts",
    edits: [
      {
        search: "return targets.some(({ key }) => compareNames(key, highest) <= 0);",
        replacement: "return targets.some(({ key }) => compareNames(key, highest) === 0);",
      },
    ],
    testFile: "decide/re-entry.test.ts",
    test: "denies an owner a key that is not above all it holds",
  },
  {
    name: "shortest-prefix-wins",
    rule: "The policy with the longest prefix is in force.",
    package: "core",
    file: "state/policies.ts",
    edits: [{ search: "sort((a, b) => b - a)", replacement: "sort((a, b) => a - b)" }],
    testFile: "state/policies.test.ts",
    test: "is that with its longest prefix, as a whole",
  },
];
