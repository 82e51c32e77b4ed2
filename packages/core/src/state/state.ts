import {
  ChurnMap,
  type Limits,
  LockOrdering,
  type NamespaceSettings,
  portableSha256,
  type Sha256,
  type TicketEnd,
} from "@lockstep/protocol";
import { Datasets } from "../dataset/datasets.ts";
import type { ReplicationWait, SettledWait } from "../dataset/replication-waits.ts";
import type { Delay } from "./delay.ts";
import { DueQueue } from "./due.ts";
import type { Hold } from "./hold.ts";
import { HoldTimes } from "./hold-times.ts";
import type { KeyRecord } from "./key.ts";
import { NameOrder } from "./name-order.ts";
import { Policies } from "./policies.ts";
import type { SessionRecord } from "./session.ts";
import type { Ticket } from "./ticket.ts";

/** Why a principal is denied every lock. */
export interface IdentityQuarantineRecord {
  readonly principal: string;
  /** The revision of the event; names the quarantine when it is cleared. */
  readonly revision: bigint;
  readonly sinceMs: number;
  /** The operator's words; empty when the server did it by itself. */
  readonly reason: string;
  readonly automatic: boolean;
  /** Who did it; empty when the server did it by itself. */
  readonly actor: string;
}

/** Everything a namespace knows. Changed by `apply` alone, but for what is called volatile. */
export class NamespaceState {
  epoch = 0n;
  revision = 0n;
  readonly sessions = new ChurnMap<bigint, SessionRecord>();
  /** Sessions by the SHA-256 of their secret, as `secretKey` writes it. */
  readonly sessionsBySecret = new Map<string, SessionRecord>();
  readonly sessionsByPrincipal = new Map<string, number>();
  activeSessions = 0;
  /** Sessions that have ended and are remembered, in the order in which they ended. */
  readonly endedSessions = new Set<bigint>();
  readonly keys = new ChurnMap<string, KeyRecord>();
  /** Volatile: the order of `keys`. */
  readonly keyOrder = new NameOrder(this.keys);
  readonly holds = new ChurnMap<bigint, Hold>();
  readonly tickets = new ChurnMap<bigint, Ticket>();
  readonly delays = new ChurnMap<bigint, Delay>();
  /** Keys that are quarantined, in no particular order. */
  readonly quarantinedKeys = new Set<string>();
  /** Volatile: the order of `quarantinedKeys`. */
  readonly quarantinedKeyOrder = new NameOrder(this.quarantinedKeys);
  readonly quarantinedIdentities = new Map<string, IdentityQuarantineRecord>();
  /** When sessions of a principal expired or were revoked, unix milliseconds as decided, oldest first. */
  readonly lossesByPrincipal = new Map<string, number[]>();
  readonly policies = new Policies();
  /** How many changes of policies there have been. */
  policiesVersion = 0n;
  settings: NamespaceSettings = DEFAULT_SETTINGS;
  /** How many changes of the settings there have been. */
  settingsVersion = 0n;
  /** Time served in all epochs together, as last journaled. */
  servedMs = 0;
  /** Holds with a longest time that is not counted in the journal yet. */
  readonly uncountedHolds = new Set<Hold>();
  /** Delays whose time is not counted in the journal yet. */
  readonly uncountedDelays = new Set<Delay>();
  /** How many holds have a longest time. */
  limitedHolds = 0;
  /** How long a new lineage grants nothing, from its start; 0 once it has granted. */
  grantPauseMs = 0;
  /** Time served when that pause began. */
  grantPauseServedFromMs = 0;
  /** Tickets that must end before anything else happens, and how. */
  readonly doomed = new ChurnMap<bigint, TicketEnd>();
  /** How long locks are held, as seen; for hints alone. */
  readonly holdTimes = new HoldTimes();
  /** Volatile: reminders of deadlines. */
  readonly due = new DueQueue();
  /** Volatile: keys whose waiters may be granted. */
  readonly freed = new ChurnMap<string, true>();
  /** Volatile: when this epoch began, on the monotonic clock. */
  epochStartedAtMs = 0;
  /** Volatile: `servedMs` when this epoch began. */
  servedBeforeMs = 0;
  /** Volatile: a reminder to write down the time served is set. */
  isServedTimeDue = false;
  /** Volatile: nothing is granted before this moment, monotonic. */
  grantsFromMs = Number.NEGATIVE_INFINITY;
  readonly datasets = new Datasets();
  /** Volatile: waits for replicas, by id. */
  readonly replicationWaits = new Map<bigint, ReplicationWait>();
  /** Volatile: those of them that have ended and were not told yet. */
  settledWaits: SettledWait[] = [];
  /** Volatile: the last id of a wait for replicas. */
  nextWaitId = 0n;
  /** Volatile: the last id of a subscription. */
  nextSubscriptionId = 0n;
  /** Volatile: the last id of a snapshot that is read. */
  nextSnapshotId = 0n;
  readonly limits: Limits;
  /** How hashes are computed; whichever it is, they are the same. */
  readonly sha256: Sha256;

  constructor(limits: Limits, sha256: Sha256 = portableSha256) {
    this.limits = limits;
    this.sha256 = sha256;
  }
}

/** What a namespace begins with. */
const DEFAULT_SETTINGS: NamespaceSettings = {
  $typeName: "lockstep.v1.NamespaceSettings",
  ordering: LockOrdering.NONE,
  quarantineAfterLosses: 0,
  quarantineWindowMs: 0n,
};
