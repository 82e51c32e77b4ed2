import {
  type Clock,
  type Random,
  type ReplicationLink,
  systemClock,
  systemRandom,
} from "@lockstep/client";
import { nameProblem, portableSha256, type Sha256 } from "@lockstep/protocol";
import type { Apply } from "./apply/applied-change.ts";
import type { DriftOptions } from "./drift/inspector.ts";
import type { PoisonOptions } from "./poison/courier.ts";
import type { Store } from "./store/store.ts";

/** What `replicate` takes. */
export interface ReplicateOptions<Tx = unknown> {
  /** A client of the server: `connect` of `@lockstep/client/node`. It stays open when the replica is closed. */
  readonly client: { readonly replication: ReplicationLink };
  /** The dataset to follow. It must exist. */
  readonly dataset: string;
  /** The name of this replica in the dataset, 1 to 512 bytes. The process that registered last under a name is the replica. */
  readonly replica: string;
  /** Where the rows are kept. It is closed with the replica. */
  readonly store: Store<Tx>;
  /**
   * The versions of values that this process knows. It stops before a PUT of any other, and before a DELETE that names
   * another than 0. At least one.
   */
  readonly schemaVersions: readonly number[] | ((schemaVersion: number) => boolean);
  /** Projects each change into the user's own tables, in the transaction of its row. Default: nothing. */
  readonly apply?: Apply<Tx>;
  /** What is done about rows that differ from the server's. They are reported in any case. Default REPORT. */
  readonly onDrift?: DriftOptions["onDrift"];
  /** With a larger share of the 65,536 buckets bad the replica starts anew with a snapshot, above 0, to 1. Default 0.01. */
  readonly maxBadBucketShare?: number;
  /** What is done with a change on which `apply` fails `poisonAttempts` times. Default HALT. */
  readonly onPoison?: PoisonOptions["onPoison"];
  /** How often `apply` is tried on a change, 1 to 1,000. Default 8. */
  readonly poisonAttempts?: number;
  /** After so many failures of `apply` in a row nothing is tried for `breakerPauseMs`, and then one batch at a time, 1 to 1,000. Default 5. */
  readonly breakerFailures?: number;
  /** See `breakerFailures`; milliseconds, 1 to 3,600,000. Default 10,000. */
  readonly breakerPauseMs?: number;
  /** All stored rows are looked at once in this time, milliseconds, 1,000 to 2^31. Default 86,400,000, 24 h. */
  readonly scrubPassMs?: number;
  /** What people see in lists, at most 512 bytes. Default empty. */
  readonly description?: string;
  /** Ends the replica as `close` does. */
  readonly signal?: AbortSignal;
  /** Time, for tests and simulations. Default: that of the machine. */
  readonly clock?: Clock;
  /** Chance, for tests and simulations. Default: that of the machine. */
  readonly random?: Random;
}

/** Options with everything filled in. */
export interface Settings<Tx> {
  readonly link: ReplicationLink;
  readonly dataset: string;
  readonly replica: string;
  readonly description: string;
  readonly store: Store<Tx>;
  readonly apply: Apply<Tx> | undefined;
  readonly knows: (schemaVersion: number) => boolean;
  readonly drift: DriftOptions;
  readonly poison: PoisonOptions;
  readonly scrubPassMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly sha256: Sha256;
}

const MAX_PAUSE_MS = 10_000;

/** @throws TypeError and RangeError for what cannot be */
export function settingsOf<Tx>(options: ReplicateOptions<Tx>): Settings<Tx> {
  const { client, dataset, replica, store, schemaVersions, description = "" } = options;
  const { onDrift = "REPORT", maxBadBucketShare = 0.01, onPoison = "HALT" } = options;
  const { poisonAttempts = 8, breakerFailures = 5, breakerPauseMs = 10_000 } = options;
  const { scrubPassMs = 86_400_000, clock = systemClock, random = systemRandom } = options;
  for (const [name, value] of Object.entries({ dataset, replica })) {
    const problem = nameProblem(value);
    if (problem !== undefined) throw new TypeError(`${name} ${problem}`);
  }
  if (!(maxBadBucketShare > 0 && maxBadBucketShare <= 1))
    throw new RangeError(`maxBadBucketShare is above 0 and at most 1, not ${maxBadBucketShare}`);
  if (typeof schemaVersions !== "function" && schemaVersions.length === 0)
    throw new TypeError("schemaVersions names no version of values that this process knows");
  const known = new Set(typeof schemaVersions === "function" ? [] : schemaVersions);
  return {
    link: client.replication,
    dataset,
    replica,
    description,
    store,
    apply: options.apply,
    knows: typeof schemaVersions === "function" ? schemaVersions : (one) => known.has(one),
    drift: { onDrift, maxBadBucketShare },
    poison: {
      onPoison,
      attempts: whole("poisonAttempts", poisonAttempts, 1, 1_000),
      maxPauseMs: MAX_PAUSE_MS,
      breaker: {
        failures: whole("breakerFailures", breakerFailures, 1, 1_000),
        pauseMs: whole("breakerPauseMs", breakerPauseMs, 1, 3_600_000),
      },
    },
    scrubPassMs: whole("scrubPassMs", scrubPassMs, 1_000, 2 ** 31),
    clock,
    random,
    sha256: store.sha256 ?? portableSha256,
  };
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name} is a whole number from ${min} to ${max}, not ${value}`);
}
