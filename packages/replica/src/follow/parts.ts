import type { Inspector } from "../drift/inspector.ts";
import type { ReplicaEvent } from "../events.ts";
import type { Holdings } from "../holdings.ts";
import type { Settings } from "../options.ts";
import type { Courier } from "../poison/courier.ts";
import type { Standing } from "../standing.ts";
import type { Scrubber } from "../verify/scrubber.ts";
import type { Duties } from "./duties.ts";
import type { Registration } from "./registration.ts";
import type { Waker } from "./waker.ts";

/** What the parts of a replica share. */
export interface Parts<Tx> {
  readonly settings: Settings<Tx>;
  readonly holdings: Holdings<Tx>;
  readonly standing: Standing<Tx>;
  readonly courier: Courier;
  readonly inspector: Inspector<Tx>;
  readonly duties: Duties<Tx>;
  readonly scrubber: Scrubber<Tx>;
  readonly registration: Registration;
  readonly waker: Waker;
  readonly tell: (event: ReplicaEvent) => void;
  /** Runs one work on rows and parked changes at a time. */
  readonly lane: <T>(work: () => Promise<T>) => Promise<T>;
  /** Something has arrived: the way to the server works. */
  readonly progressed: () => void;
  /** A snapshot was published. */
  readonly published: () => void;
}
