import type { Durability, Limits } from "@lockstep/protocol";
import type { Namespace } from "../executor/namespace.ts";
import type { Log } from "../log/log.ts";
import type { Clock } from "../ports/clock.ts";

/** Who a server is. */
export interface ServerIdentity {
  /** Identity of the data it serves, fixed when its data folder was created. */
  readonly clusterId: string;
  /** Its own name, as in Event.node. */
  readonly node: string;
  /** Version of the server software. */
  readonly serverVersion: string;
  /** What an acknowledged event survives. */
  readonly durability: Durability;
}

/** What every RPC handler works with. */
export interface RpcEnvironment {
  readonly identity: ServerIdentity;
  /** The namespaces served, by name. */
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the server starts to stop: streams and long polls end. */
  readonly stopping: AbortSignal;
}
