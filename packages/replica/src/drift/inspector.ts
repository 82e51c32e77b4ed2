import { BUCKETS } from "@lockstep/protocol";
import type { Apply } from "../apply/applied-change.ts";
import { Restart } from "../follow/restart.ts";
import type { Courier } from "../poison/courier.ts";
import { type Position, textOf } from "../rows.ts";
import type { DriftAction, DriftFinding, DriftFound } from "./found.ts";
import { type Ground, type Located, locate } from "./locate.ts";
import { repairKeys } from "./repair.ts";

/** After so many rounds of repair there is still something new: then the rows change faster than they are mended. */
const MAX_ROUNDS = 3;
/** So many repaired keys are remembered, to know one that differs again. With more the replica starts anew. */
const MAX_REPAIRED = 10_000;

/** What an inspection does about what it finds. */
export interface DriftOptions {
  /** REPORT: only tell. REPAIR: write the server's rows over those that differ. */
  readonly onDrift: "REPORT" | "REPAIR";
  /** With a larger share of the 65,536 buckets bad the replica starts anew with a snapshot, 0 to 1. */
  readonly maxBadBucketShare: number;
}

/** What an inspector needs beside the ground it works on. */
export interface InspectorParts<Tx> {
  readonly options: DriftOptions;
  readonly apply: Apply<Tx> | undefined;
  readonly courier: Courier;
  /** Something was found, and this was done about it. */
  readonly found: (found: DriftFound) => void;
}

/** The result of an inspection: nothing differs, or what does. */
export interface Inspected {
  readonly asOf: Position;
  /** Undefined when every row is the server's now. */
  readonly drift: DriftFound | undefined;
  /** The rows are too far from the server's, or do not stay mended: a snapshot has to take their place. */
  readonly restart?: Restart;
}

/** Compares all rows with the server's and does about it what was chosen. */
export class Inspector<Tx> {
  readonly #parts: InspectorParts<Tx>;
  /** Keys that were repaired since the last snapshot. */
  readonly #repaired = new Set<string>();

  constructor(parts: InspectorParts<Tx>) {
    this.#parts = parts;
  }

  /** A snapshot has replaced all rows: what was repaired before says nothing any more. */
  forget(): void {
    this.#repaired.clear();
  }

  async inspect(ground: Ground<Tx>, repair: boolean): Promise<Inspected> {
    const { options, apply, courier } = this.#parts;
    const maxBad = Math.floor(BUCKETS * options.maxBadBucketShare);
    for (let round = 1; ; round += 1) {
      const located = await locate(ground, maxBad);
      const { asOf, findings } = located;
      if (findings?.length === 0) return { asOf, drift: undefined };
      if (!findings) return this.#quarantine(located, "too many buckets differ from the server's");
      const again = findings.some(({ key }) => this.#repaired.has(textOf(key)));
      const full = this.#repaired.size + findings.length > MAX_REPAIRED;
      if (again || full || round > MAX_ROUNDS)
        return this.#quarantine(located, "rows differ again after their repair");
      if (!repair) return { asOf, drift: this.#tell(located, "NONE") };
      const keys = findings.map(({ key }) => key);
      for (const key of await repairKeys(ground, keys, apply, courier))
        this.#repaired.add(textOf(key));
      this.#tell(located, "REPAIRED");
    }
  }

  #quarantine(located: Located, why: string): Inspected {
    const drift = this.#tell(located, "QUARANTINED");
    return { asOf: located.asOf, drift, restart: new Restart("SNAPSHOT", why, true) };
  }

  #tell({ asOf, badBuckets, findings = NONE }: Located, action: DriftAction): DriftFound {
    const found: DriftFound = { asOf, badBuckets, findings, action };
    this.#parts.found(found);
    return found;
  }
}

const NONE: readonly DriftFinding[] = [];
