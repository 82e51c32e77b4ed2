import type { Goal } from "../goal.ts";
import type { Line } from "./compare.ts";

type Pick = (callers: number, contended?: boolean) => Line | undefined;

/** The goals for locks, judged by the lines of one run. Of two versions of a peer the faster one counts. */
export function goalsOf(lines: readonly Line[], contending: number): Goal[] {
  const of =
    (names: RegExp): Pick =>
    (callers, contended = false) =>
      lines
        .filter((line) => line.callers === callers && line.contended === contended)
        .filter(({ name }) => names.test(name))
        .sort((a, b) => b.perSecond - a.perSecond)[0];
  const ours = of(/^Lockstep, Attach$/);
  const redlock = of(/^Redis, redlock$/);
  const etcdPair = of(/^etcd.*, raw transactions$/);
  const etcdLock = of(/^etcd.*, etcd3 lock$/);
  const contended = (who: Pick) => who(contending, true);
  return [
    times("gate", "64 callers, cycles/s", ours(64), "etcd's raw transactions", etcdPair(64), 10),
    times("gate", "64 callers, cycles/s", ours(64), "etcd3 lock", etcdLock(64), 40),
    ...(
      [
        ["etcd3 lock", etcdLock],
        ["redlock", redlock],
      ] as const
    ).map(([peer, who]) =>
      times("gate", "one lock for all, grants/s", contended(ours), peer, contended(who), 10),
    ),
    orderKept(contended(ours)),
    notAbove("1 caller, p50", ours(1)?.p50Ms, redlock(1)?.p50Ms),
    times("aim", "64 callers, cycles/s", ours(64), "redlock", redlock(64), 1),
    times("aim", "1,024 callers, cycles/s", ours(1_024), "redlock", redlock(1_024), 1.5),
    notAbove("1,024 callers, p99", ours(1_024)?.p99Ms, redlock(1_024)?.p99Ms),
    below("one lock for all, hand-over p50, ms", contended(ours)?.contention?.handOverP50Ms, 1),
  ];
}

function times(
  kind: Goal["kind"],
  what: string,
  ours: Line | undefined,
  peer: string,
  theirs: Line | undefined,
  least: number,
): Goal {
  const figure = ours && theirs ? ours.perSecond / theirs.perSecond : null;
  return judged(kind, `${what}, to ${peer}`, figure, `at least ${least} ×`, (it) => it >= least);
}

function notAbove(what: string, ours: number | undefined, redlock: number | undefined): Goal {
  const figure = ours !== undefined && redlock !== undefined ? ours / redlock : null;
  return judged("aim", `${what}, to redlock`, figure, "at most 1 ×", (it) => it <= 1);
}

function below(what: string, figure: number | null | undefined, bound: number): Goal {
  return judged("aim", what, figure ?? null, `below ${bound}`, (it) => it < bound);
}

function orderKept(ours: Line | undefined): Goal {
  const figure = ours?.arrivalOrderKept ?? null;
  const name = "one lock for all, granted in the order of arrival";
  return { kind: "gate", name, figure, wanted: "yes", met: figure };
}

function judged(
  kind: Goal["kind"],
  name: string,
  figure: number | null,
  wanted: string,
  isMet: (figure: number) => boolean,
): Goal {
  return { kind, name, figure, wanted, met: figure === null ? null : isMet(figure) };
}
