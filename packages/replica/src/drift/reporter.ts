import type { Clock, Fields, Random, ReplicationLink } from "@lockstep/client";
import { RequestError, ServerUnreachableError } from "@lockstep/client";
import { DriftAction, DriftKind, type ReportDriftRequestSchema } from "@lockstep/protocol";
import { backoffMs, pause } from "../pause.ts";
import type { DriftFound } from "./found.ts";

/** At most so many keys are named in a report. */
const MAX_FINDINGS = 100;
/** Reports that wait for the server; older ones give way. */
const MAX_WAITING = 16;
const MAX_PAUSE_MS = 10_000;

/** Whose drift is reported, and to whom. */
export interface ReporterParts {
  readonly link: Pick<ReplicationLink, "reportDrift">;
  readonly clock: Clock;
  readonly random: Random;
  readonly dataset: string;
  readonly replica: string;
  readonly generation: () => bigint;
  readonly signal: AbortSignal;
}

type Report = NonNullable<Fields<typeof ReportDriftRequestSchema>["report"]>;

/** Tells the server of drift, one report after the other, until each has arrived. Never holds up the replica. */
export class Reporter {
  readonly #parts: ReporterParts;
  #waiting: Report[] = [];
  #underWay = false;
  #generation = 0n;
  #number = 0n;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  report(found: DriftFound): void {
    this.#waiting = [...this.#waiting, messageOf(found)].slice(-MAX_WAITING);
    if (!this.#underWay) void this.#send();
  }

  async #send(): Promise<void> {
    const { clock, random, signal } = this.#parts;
    this.#underWay = true;
    let failures = 0;
    for (let report = this.#waiting[0]; report && !signal.aborted; report = this.#waiting[0]) {
      if (await this.#sendOne(report)) {
        this.#waiting = this.#waiting.filter((waiting) => waiting !== report);
        failures = 0;
        continue;
      }
      failures += 1;
      await pause(clock, backoffMs(failures, random, MAX_PAUSE_MS), signal);
    }
    this.#underWay = false;
  }

  /** Whether it has arrived, or never will. */
  async #sendOne(report: Report): Promise<boolean> {
    const { link, dataset, replica, generation, signal } = this.#parts;
    const current = generation();
    if (current === 0n) return false;
    if (current !== this.#generation) this.#number = 0n;
    this.#generation = current;
    const request = { dataset, replica, generation: current, reportNumber: this.#number + 1n };
    try {
      await link.reportDrift({ ...request, report }, { signal });
      this.#number += 1n;
      return true;
    } catch (error) {
      // A refusal says that this generation is over; the next one begins to count anew.
      if (error instanceof ServerUnreachableError) return false;
      const passes = error instanceof RequestError && error.code === "UNAVAILABLE";
      return !passes && current === generation();
    }
  }
}

function messageOf({ asOf, badBuckets, findings, action }: DriftFound): Report {
  const count = (kind: string) => BigInt(findings.filter((one) => one.kind === kind).length);
  return {
    asOf: { seq: asOf.seq, logHash: asOf.logHash },
    badBuckets,
    missing: count("MISSING"),
    extra: count("EXTRA"),
    divergent: count("DIVERGENT"),
    findings: findings
      .slice(0, MAX_FINDINGS)
      .map(({ kind, bucket, key, replicaSeq, serverSeq }) => ({
        kind: DriftKind[kind],
        bucket,
        key,
        replicaSeq,
        serverSeq,
      })),
    action: DriftAction[action],
  };
}
