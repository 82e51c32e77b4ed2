import type { EpochStartedEvent, NamespaceState } from "@lockstep/core";
import type { DamagedRow } from "@lockstep/protocol";
import type { Journal } from "../journal/journal.ts";
import type { Clock } from "../ports/clock.ts";
import type { Upkeep } from "../snapshot/upkeep.ts";

/** What an executor is made of. */
export interface ExecutorParts {
  readonly name: string;
  readonly clusterId: string;
  /** The server's own name, stamped on every event. */
  readonly node: string;
  /** Rebuilt from the journal; the executor changes it from here on. */
  readonly state: NamespaceState;
  readonly journal: Journal;
  readonly clock: Clock;
  /** The first event of the epoch, durable already and not yet applied. */
  readonly epochStarted: EpochStartedEvent;
  /** Keeps the journal bounded; undefined: it grows. */
  readonly upkeep?: Upkeep | undefined;
  /** Called once when the journal or an invariant failed and the namespace stopped answering. */
  readonly onStopped: (error: Error) => void;
  /** Called once for everything stored that turns out not to be what was written. */
  readonly onDamage?: ((dataset: string, damaged: DamagedRow) => void) | undefined;
}
