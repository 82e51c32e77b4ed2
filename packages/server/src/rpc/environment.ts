import type { Durability, Limits } from "@lockstep/protocol";
import type { Namespace } from "../executor/namespace.ts";
import type { Log } from "../log/log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

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

/**
 * Gives a namespace to `use`, making it when it is missing: nobody else can use a new one before `use` is
 * done with it. Rejects with the core `Refusal` of a limit, and with what `use` throws.
 */
export type MakeNamespace = <R>(
  name: string,
  use: (namespace: Namespace, isNew: boolean) => Promise<R>,
) => Promise<R>;

/** What every RPC handler works with. */
export interface RpcEnvironment {
  readonly identity: ServerIdentity;
  /** The namespaces served, by name: those there are at the moment. */
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** Undefined where no namespaces are made. */
  readonly makeNamespace?: MakeNamespace | undefined;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Where the salts of datasets come from. Default: the machine's. */
  readonly random?: Random | undefined;
  readonly log: Log;
  /** Aborts when the server starts to stop: streams and long polls end. */
  readonly stopping: AbortSignal;
}
