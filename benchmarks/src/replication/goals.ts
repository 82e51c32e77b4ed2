import { atMost, type Goal } from "../goal.ts";
import type { Series } from "../growth/series.ts";
import { CORRUPTED } from "./repair.ts";
import type { FigureName, Line, Part } from "./trial.ts";

const JETSTREAM = /^NATS JetStream$/;
const OURS = /^Lockstep$/;
const REPLICA = /replica/;
const MIB = 2 ** 20;

/** The goals for replication, judged by the lines of one run. */
export function goalsOf(lines: readonly Line[], series: readonly Series[]): Goal[] {
  const of = (part: Part, system: RegExp, which: RegExp, figure: FigureName) =>
    lines.find((line) => line.part === part && system.test(line.system) && which.test(line.of))
      ?.figures[figure];
  const both = (part: Part, which: RegExp, figure: FigureName) =>
    ratio(of(part, OURS, which, figure), of(part, JETSTREAM, which, figure));
  const digestUs = of("digest", OURS, /./, "digestUs");
  const appendUs = of("append", OURS, /batches/, "serverCpuUs");
  const applyUs = of("catchUp", OURS, REPLICA, "ownCpuUs");
  const repair = (figure: FigureName) => of("repair", OURS, /./, figure);
  const memory = (figure: FigureName) => of("memory", OURS, /./, figure);
  const applied = (figure: FigureName) => of("applied", OURS, REPLICA, figure);
  const found = repair("found");
  return [
    atLeastOnce(
      "gate",
      "64 callers, appends/s, to JetStream",
      both("append", /^64 callers$/, "perSecond"),
    ),
    atMost("gate", "digest, percent of an append in batches", percent(digestUs, appendUs), 15),
    atMost("gate", "digest, percent of applying a change", percent(digestUs, applyUs), 15),
    atMost("gate", "round trips until the rows are located", repair("roundTrips"), 3),
    atMost("gate", "bytes until the rows are located", repair("bytes"), MIB),
    allFound(found),
    atMost("gate", "dataset with all hashes of its digest, bytes", memory("datasetBytes"), 5 * MIB),
    atMost("gate", "stalled subscriber, bytes", memory("subscriberBytes"), 4.5 * MIB),
    ...series.map(growthGoal),
    atMost("aim", "1 caller, append p50, to JetStream", both("append", /^1 callers$/, "p50Ms"), 1),
    atLeastOnce(
      "aim",
      "64 followers, deliveries/s, to JetStream",
      both("fanOut", /^64 ×/, "perSecond"),
    ),
    below(
      "until applied p50, to the append's own",
      ratio(applied("p50Ms"), applied("appendP50Ms")),
      2,
    ),
    atMost("aim", "repair once rows are known to differ, ms", repair("repairMs"), 1_000),
  ];
}

function growthGoal({ name, bound, exponent, met }: Series): Goal {
  const wanted = `power no higher than that of ${bound}`;
  return { kind: "gate", name, figure: exponent, wanted, met };
}

function allFound(found: number | undefined): Goal {
  const met = found === undefined ? null : found === CORRUPTED;
  const name = "rows changed by hand that were repaired, and no others";
  return { kind: "gate", name, figure: found ?? null, wanted: `exactly ${CORRUPTED}`, met };
}

function atLeastOnce(kind: Goal["kind"], name: string, figure: number | undefined): Goal {
  const met = figure === undefined ? null : figure >= 1;
  return { kind, name, figure: figure ?? null, wanted: "at least 1 ×", met };
}

function below(name: string, figure: number | undefined, bound: number): Goal {
  const met = figure === undefined ? null : figure < bound;
  return { kind: "aim", name, figure: figure ?? null, wanted: `below ${bound}`, met };
}

function ratio(ours: number | undefined, theirs: number | undefined): number | undefined {
  return ours === undefined || theirs === undefined ? undefined : ours / theirs;
}

function percent(part: number | undefined, whole: number | undefined): number | undefined {
  const share = ratio(part, whole);
  return share === undefined ? undefined : share * 100;
}
