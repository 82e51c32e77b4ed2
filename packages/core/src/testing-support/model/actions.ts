import fc from "fast-check";

/** What happens next, in terms that make sense in any state: what they mean is found when it happens. */
export interface Action {
  readonly kind:
    | "acquire"
    | "release"
    | "cancel"
    | "keepAlive"
    | "close"
    | "open"
    | "forceRelease"
    | "checkFence"
    | "restart";
  /** Which client. */
  readonly who: number;
  readonly key: string;
  readonly owner: string;
  readonly waitMs: number;
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

/** The keys in play. */
export const KEYS = ["a", "b"] as const;

/** A story: actions, and how long nothing is granted at its start. */
export const stories = (actionsMax: number) =>
  fc.record({
    pauseMs: often(0, [7, 3_000]),
    actions: fc.array(action, { minLength: 1, maxLength: actionsMax, size: "max" }),
  });

const often = <T>(usual: T, rare: readonly T[], weight = 3) =>
  fc.oneof(
    { weight, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...rare) },
  );

const passMs = fc.oneof(
  { weight: 60, arbitrary: fc.constant(0) },
  { weight: 30, arbitrary: fc.constantFrom(1, 3.25, 250, 999) },
  { weight: 8, arbitrary: fc.constantFrom(1_999, 5_000) },
  { weight: 1, arbitrary: fc.constantFrom(20_000, 3_600_000) },
);

const kind = fc.oneof(
  ...(
    [
      ["acquire", 20],
      ["release", 12],
      ["cancel", 6],
      ["keepAlive", 14],
      ["close", 1],
      ["open", 1],
      ["forceRelease", 6],
      ["checkFence", 2],
      ["restart", 2],
    ] as const
  ).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name) })),
);

const action: fc.Arbitrary<Action> = fc.record({
  kind,
  who: fc.nat(2),
  key: fc.constantFrom(...KEYS),
  owner: often("", ["x", "y"], 1),
  waitMs: fc.constantFrom(0, 300, 1_500, 9_000),
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
