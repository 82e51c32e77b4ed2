import { DigestError } from "@lockstep/protocol";
import type { DriftFound } from "../drift/found.ts";
import type { Reporter } from "../drift/reporter.ts";
import { PoisonChangeError, ReplicaError } from "../errors.ts";
import { backoffMs, pause } from "../pause.ts";
import { sameBytes } from "../rows.ts";
import { beginSnapshot, resumeSnapshot } from "../snapshot/staging.ts";
import { Following } from "./following.ts";
import type { Parts } from "./parts.ts";
import { diverged, Restart, restartOf } from "./restart.ts";
import { Subscription } from "./subscription.ts";

/** The longest pause before a subscription is begun again, milliseconds. */
const MAX_PAUSE_MS = 5_000;
/** The longest pause before another snapshot is begun, milliseconds. */
const MAX_SNAPSHOT_PAUSE_MS = 60_000;

/** Keeps a replica following its dataset, over lost connections, restarts and whatever else passes. */
export class Follower<Tx> {
  readonly #parts: Parts<Tx>;
  readonly #reporter: Reporter;
  readonly #signal: AbortSignal;
  #loaded = false;
  /** The next subscription begins with a snapshot, whatever there is. */
  #anew = false;
  #failures = 0;
  #snapshots = 0;

  constructor(
    parts: Omit<Parts<Tx>, "progressed" | "published">,
    reporter: Reporter,
    signal: AbortSignal,
  ) {
    this.#parts = {
      ...parts,
      progressed: () => {
        this.#failures = 0;
      },
      published: () => {
        this.#snapshots = 0;
        this.#anew = false;
      },
    };
    this.#reporter = reporter;
    this.#signal = signal;
  }

  /** Settles when the signal is aborted; throws what the replica cannot go on after. */
  async run(): Promise<void> {
    const { settings, standing, tell } = this.#parts;
    while (!this.#signal.aborted) {
      const restart = await this.#once();
      if (this.#signal.aborted) return;
      standing.following(undefined);
      standing.disconnectedBy = restart.cause ?? restart;
      tell({ type: "disconnected", error: standing.disconnectedBy });
      await this.#prepare(restart);
      this.#failures += 1;
      const again = restart.how === "SNAPSHOT";
      if (again) this.#snapshots += 1;
      const count = again ? this.#snapshots : this.#failures;
      const max = again ? MAX_SNAPSHOT_PAUSE_MS : MAX_PAUSE_MS;
      await pause(settings.clock, backoffMs(count, settings.random, max), this.#signal);
    }
  }

  /** Follows one subscription to its end, and says how to go on. */
  async #once(): Promise<Restart> {
    const { settings, holdings, registration, standing } = this.#parts;
    try {
      if (!this.#loaded) await holdings.load();
      this.#loaded = true;
      standing.changed();
      await registration.ensure(this.#signal);
      await this.#follow();
      return new Restart("SUBSCRIBE", "the subscription was cut");
    } catch (error) {
      if (this.#signal.aborted) return new Restart("SUBSCRIBE", "the replica was closed");
      const restart = restartOf(error, settings.replica);
      if (restart instanceof Restart) return restart;
      if (restart instanceof DigestError)
        return new Restart("SNAPSHOT", restart.message, true, { cause: error });
      if (endsWith(restart)) throw restart;
      // What is left comes from the store: what it has then is the truth.
      this.#parts.tell({ type: "storeFailed", error });
      return new Restart("RELOAD", restart.message, false, { cause: error });
    }
  }

  async #follow(): Promise<void> {
    const { settings, standing, tell } = this.#parts;
    const { link, clock } = settings;
    const subscription = await Subscription.open(link, this.#request(), clock, this.#signal);
    try {
      await this.#begin(subscription);
      const { started } = subscription;
      tell({
        type: "subscribed",
        snapshot: started.snapshotId > 0n,
        seq: started.low?.seq ?? 0n,
      });
      standing.following(started.head?.seq ?? 0n);
      await new Following(this.#parts, subscription, this.#signal).run();
    } finally {
      subscription.close();
    }
  }

  /** Where to begin: a snapshot under way goes first, then the cursor, and without either a snapshot. */
  #request() {
    const { settings, holdings, registration } = this.#parts;
    const { dataset, replica } = settings;
    const own = { dataset, replica, generation: registration.generation };
    const staged = holdings.staged?.progress;
    // With all its rows there, a snapshot goes on like any other log.
    if (staged?.high) return { ...own, start: { case: "cursor" as const, value: staged.cursor } };
    if (staged) {
      const { snapshotId, low, afterKey } = staged;
      const value = { snapshotId, low, afterKey };
      return { ...own, start: { case: "snapshot" as const, value } };
    }
    const published = holdings.published?.progress;
    if (this.#anew || !published || published.quarantine !== "") return own;
    return { ...own, start: { case: "cursor" as const, value: published.cursor } };
  }

  /** Makes sure that what was begun is what was asked for. */
  async #begin(subscription: Subscription): Promise<void> {
    const { holdings } = this.#parts;
    const { started } = subscription;
    const asked = holdings.staged ?? (this.#anew ? undefined : holdings.published);
    const resumes = this.#request();
    if (!("start" in resumes)) await beginSnapshot(holdings, started);
    else if (asked && !isOf(asked.progress, started))
      throw diverged("the dataset was made anew under the same name");
    else if (resumes.start.case === "snapshot") await resumeSnapshot(holdings, started);
    const low = "start" in resumes && holdings.staged ? holdings.staged.progress : undefined;
    const expected = low ? (low.high ? low.cursor : low.low) : asked?.progress.cursor;
    if ("start" in resumes && expected && started.low?.seq !== expected.seq)
      throw new Restart("SUBSCRIBE", "the subscription began elsewhere than it was asked to");
    const hashes = (holdings.staged ?? holdings.published)?.hashes;
    if (hashes) subscription.hashWith(hashes);
  }

  /** Does to rows and registration what the way to go on needs. */
  async #prepare({ how, quarantine, message }: Restart): Promise<void> {
    const { holdings, registration, standing } = this.#parts;
    if (how === "SUBSCRIBE") return;
    registration.forget();
    if (how === "RELOAD") this.#loaded = false;
    if (how !== "SNAPSHOT") return;
    this.#anew = true;
    standing.freshness.forget();
    try {
      await holdings.discardStaged();
      if (quarantine) await this.#quarantine(message);
    } catch (error) {
      this.#parts.tell({ type: "storeFailed", error });
      this.#loaded = false;
    }
    standing.changed();
  }

  async #quarantine(message: string): Promise<void> {
    const { holdings, standing, tell } = this.#parts;
    const { progress } = holdings.published ?? {};
    if (progress?.quarantine !== "") return;
    await holdings.writePublished(({ setProgress }) =>
      setProgress({ ...progress, quarantine: message }),
    );
    if (standing.drift?.action === "QUARANTINED") return;
    const found: DriftFound = {
      asOf: progress.cursor,
      badBuckets: 0,
      findings: [],
      action: "RESYNCED",
    };
    this.#reporter.report(found);
    tell({ type: "drift", found });
  }
}

function isOf(
  { datasetId, salt }: { readonly datasetId: bigint; readonly salt: Uint8Array },
  started: { readonly datasetId: bigint; readonly salt: Uint8Array },
): boolean {
  return datasetId === started.datasetId && sameBytes(salt, started.salt);
}

/** Whether the replica cannot go on after an error: the server refuses for good, or the user's own code does. */
function endsWith(error: Error): boolean {
  if (error instanceof PoisonChangeError || error instanceof ReplicaError) return true;
  return "reason" in error;
}
