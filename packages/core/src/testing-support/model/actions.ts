import fc from "fast-check";
import type { Mode, ModelPolicy, ModelSettings, Terms } from "./facts.ts";

const KINDS = {
  acquire: 30,
  release: 14,
  convert: 20,
  transfer: 6,
  setValue: 2,
  cancel: 6,
  keepAlive: 14,
  close: 1,
  open: 1,
  requestRelease: 2,
  forceRelease: 6,
  revoke: 1,
  clear: 3,
  quarantine: 1,
  setPolicy: 4,
  configure: 1,
  checkFence: 1,
  restart: 2,
} as const;

/** What happens next, in terms that make sense in any state: what they mean is found when it happens. */
export interface Action {
  readonly kind: keyof typeof KINDS;
  /** Which client. */
  readonly who: number;
  /** One key or two. */
  readonly keys: readonly string[];
  /** How each is wanted. */
  readonly modes: readonly Mode[];
  readonly permits: number;
  readonly owner: string;
  /** Count instead of reject what the owner holds. */
  readonly count: boolean;
  readonly terms: Terms;
  readonly priority: number;
  readonly waitMs: number;
  readonly policy: ModelPolicy | undefined;
  readonly settings: ModelSettings;
  /** The id of the request: the next, one left out before, or that of an earlier request. */
  readonly id: "next" | "left out" | "used";
  /** Send an earlier request once more, as it was. */
  readonly again: boolean;
  /** Which one, wherever there are several. */
  readonly pick: number;
  /** What the client confirms: nothing, all it has the final reply of, or whatever comes to its mind. */
  readonly answered: "nothing" | "finals" | "anything";
  /** What the client says it has seen. */
  readonly seen: "nothing" | "what it was told" | "all that is durable" | "too much";
  /** Time that passes before. */
  readonly passMs: number;
  /** Whether anybody looks at the clock then. */
  readonly tick: boolean;
  /** Whether everything becomes durable after. */
  readonly commit: boolean;
}

/** The keys in play. The last one mostly offers permits. */
export const KEYS = ["a", "b", "p"] as const;

/** The prefixes that policies are set for. */
export const PREFIXES = ["p", "", "a"] as const;

/** A story: actions, how long nothing is granted at its start, and how many permits there are. */
export interface Story {
  readonly pauseMs: number;
  readonly permits: number;
  readonly actions: readonly Action[];
}

/**
 * Each story leaves out kinds of actions, and so goes deeper into what is left: who is never quarantined gets
 * to wait in a circle.
 */
export const stories = (actionsMax: number): fc.Arbitrary<Story> =>
  fc
    .record({
      pauseMs: often(0, [7, 3_000], 6),
      permits: fc.constantFrom(0, 1, 3),
      leftOut: fc.subarray([...RARE]),
      plain: fc.boolean(),
      crowded: often(false, [true]),
      actions: fc.array(action, { minLength: 1, maxLength: actionsMax, size: "max" }),
    })
    .map(({ leftOut, plain, crowded, actions, ...story }) => ({
      ...story,
      actions: actions.map((one) => ({
        ...one,
        ...(crowded ? besideOthers(one) : {}),
        kind: leftOut.some((kind) => kind === one.kind) ? "acquire" : one.kind,
        terms: plain ? PLAIN : one.terms,
      })),
    }));

/** What may be left out of a story. */
const RARE = [
  "release",
  "cancel",
  "close",
  "forceRelease",
  "revoke",
  "quarantine",
  "setPolicy",
  "configure",
  "convert",
  "restart",
] as const;

/** Where all want one key in modes that go together, more of them come to change their mode. */
function besideOthers({ modes }: Action): Pick<Action, "keys" | "modes"> {
  return { keys: ["a"], modes: modes.map((one) => (one === "EXCLUSIVE" ? "SHARED" : one)) };
}

const PLAIN: Terms = { maxHoldMs: 0, onLoss: "RELEASE", delayMs: 0, value: "" };

const often = <T>(usual: T, rare: readonly T[], weight = 3) =>
  fc.oneof(
    { weight, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...rare) },
  );

const weighted = <T>(choices: readonly (readonly [T, number])[]) =>
  fc.oneof(...choices.map(([value, weight]) => ({ weight, arbitrary: fc.constant(value) })));

const passMs = fc.oneof(
  { weight: 140, arbitrary: fc.constant(0) },
  { weight: 50, arbitrary: fc.constantFrom(1, 3.25, 250, 999) },
  { weight: 10, arbitrary: fc.constantFrom(1_999, 5_000) },
  { weight: 1, arbitrary: fc.constantFrom(20_000, 3_600_000) },
);

const kind = weighted(Object.entries(KINDS)) as fc.Arbitrary<Action["kind"]>;

const mode = weighted<Mode>([
  ["EXCLUSIVE", 3],
  ["SHARED", 4],
  ["UPGRADABLE", 5],
  ["PERMITS", 1],
]);

const terms: fc.Arbitrary<Terms> = fc
  .record({
    maxHoldMs: often(0, [800, 12_000, 30_000]),
    onLoss: weighted<Terms["onLoss"]>([
      ["RELEASE", 6],
      ["DELAY", 3],
      ["QUARANTINE", 1],
    ]),
    delayMs: fc.constantFrom(700, 14_000),
    value: fc.constantFrom("", "here", "there"),
  })
  .map((all) => (all.onLoss === "DELAY" ? all : { ...all, delayMs: 0 }));

const policy: fc.Arbitrary<ModelPolicy> = fc.record({
  maxHoldMs: often(0, [900, 40_000]),
  lockDelayMs: often(0, [600, 11_000]),
  permits: fc.constantFrom(0, 0, 1, 2, 3),
  maxWaiters: often(0, [1, 2]),
  maxWaitMs: often(0, [400]),
});

const settings: fc.Arbitrary<ModelSettings> = fc
  .record({
    ascending: often(false, [true]),
    afterLosses: fc.constantFrom(0, 1, 2),
    windowMs: fc.constantFrom(5_000, 60_000),
  })
  .map((all) => (all.afterLosses === 0 ? { ...all, windowMs: 0 } : all));

const action: fc.Arbitrary<Action> = fc.record({
  kind,
  who: fc.nat(2),
  keys: fc.uniqueArray(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 2 }),
  modes: fc.tuple(mode, mode),
  permits: fc.integer({ min: 1, max: 3 }),
  owner: often("", ["x", "x", "y"], 1),
  count: fc.boolean(),
  terms,
  priority: often(0, [-1, 5]),
  waitMs: fc.constantFrom(0, 0, 300, 1_500, 9_000, 60_000, 60_000, 60_000),
  policy: fc.option(policy, { nil: undefined, freq: 4 }),
  settings,
  id: often<Action["id"]>("next", ["left out", "used"], 8),
  again: often(false, [true], 4),
  pick: fc.nat(30),
  answered: often<Action["answered"]>("nothing", ["finals", "finals", "finals", "anything"], 2),
  seen: often<Action["seen"]>(
    "what it was told",
    ["nothing", "all that is durable", "too much"],
    1,
  ),
  passMs,
  tick: often(true, [false]),
  commit: often(true, [false], 2),
});
