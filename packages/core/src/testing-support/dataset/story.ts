import { ChangeOp, ReplicaState } from "@lockstep/protocol";
import fc from "fast-check";

/** A change of a story. Numbers point at what is there when it is told. */
export interface StoryChange {
  readonly op: ChangeOp.PUT | ChangeOp.DELETE;
  readonly key: string;
  readonly value: string;
  readonly idempotencyKey: string;
  /** Undefined: not said; true: what it is; false: something else. */
  readonly expectsKey: boolean | undefined;
}

/** What happens next. */
export type StoryAction =
  | {
      readonly kind: "append";
      readonly changes: readonly StoryChange[];
      readonly expectsHead: boolean | undefined;
      /** So far from the head; undefined: not said. */
      readonly since: number | undefined;
      /** 0: LOCAL; 4: ALL_IN_SYNC; otherwise a QUORUM of so many. */
      readonly replicas: number;
    }
  | { readonly kind: "policy"; readonly minInSync: number; readonly maxBytes: number }
  | { readonly kind: "register"; readonly who: number }
  | {
      readonly kind: "ack";
      readonly who: number;
      readonly behind: number;
      readonly state: ReplicaState;
    }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "trim"; readonly back: number; readonly dropped: number }
  | { readonly kind: "restart" };

const KEYS = ["a", "b", "c"];
const IDEMPOTENCY_KEYS = ["", "", "k1", "k2", "k3", "k4"];

/** Mostly undefined: an append that is refused tells nothing about what comes after one. */
function seldom<T>(...some: readonly T[]): fc.Arbitrary<T | undefined> {
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...some) },
  );
}

const change: fc.Arbitrary<StoryChange> = fc.record({
  op: fc.constantFrom(ChangeOp.PUT, ChangeOp.PUT, ChangeOp.DELETE),
  key: fc.constantFrom(...KEYS),
  value: fc.constantFrom("", "1", "22"),
  idempotencyKey: fc.constantFrom(...IDEMPOTENCY_KEYS),
  expectsKey: seldom(true, false),
});

const append = fc.record({
  kind: fc.constant("append" as const),
  changes: fc.array(change, { minLength: 1, maxLength: 4 }).filter((changes) => {
    const keys = changes.map((one) => one.idempotencyKey).filter((key) => key !== "");
    return new Set(keys).size === keys.length;
  }),
  expectsHead: seldom(true, false),
  since: fc.constantFrom(undefined, undefined, undefined, -9, -1, 0, 1),
  replicas: fc.constantFrom(0, 0, 1, 1, 2, 4),
});

const action: fc.Arbitrary<StoryAction> = fc.oneof(
  { weight: 6, arbitrary: append },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("policy" as const),
      minInSync: fc.constantFrom(0, 0, 1, 2),
      maxBytes: fc.constantFrom(0, 0, 4),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("register" as const), who: fc.nat(2) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("ack" as const),
      who: fc.nat(2),
      behind: fc.constantFrom(0, 0, 0, 1, 2),
      state: fc.constantFrom(
        ReplicaState.OK,
        ReplicaState.OK,
        ReplicaState.OK,
        ReplicaState.DEGRADED,
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 1, 500, 500, 2_000, 7_000, 11_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("trim" as const),
      back: fc.nat(3),
      dropped: fc.nat(4),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" } as const) },
);

/** What makes a replica count at once, so that appends may wait for it. */
const FOLLOWED: readonly StoryAction[] = [
  { kind: "register", who: 0 },
  { kind: "ack", who: 0, behind: 0, state: ReplicaState.OK },
];

/** Stories of at most so many actions, and half of them with a replica that follows from the first. */
export function datasetStories(actionsMax: number): fc.Arbitrary<readonly StoryAction[]> {
  const actions = fc.array(action, { minLength: 1, maxLength: actionsMax, size: "max" });
  return fc
    .tuple(fc.constantFrom([], FOLLOWED), actions)
    .map(([first, others]) => [...first, ...others]);
}
