import type { Chance } from "../chance.ts";
import type { Action, Config } from "../plan/config.ts";
import type { World } from "../run/world.ts";

/** The parameters of an action, as they are written into a replay file. */
export type Parameters = Readonly<Record<string, string | number | boolean>>;

/** A kind of action: how its parameters are drawn, and what it does. */
export interface ActionKind<P extends Parameters = Parameters> {
  /** How often it is drawn, compared with the others. */
  readonly weight: number;
  draw(chance: Chance, config: Config): P;
  apply(world: World, parameters: P): void;
}

/** The keys of a run. Few, so that clients meet. */
export const KEYS = ["a", "b", "c"] as const;
/** A key that takes permits once a policy says so, and every other mode before. */
export const POOL = "pool";
/** Owners inside a client. */
export const OWNERS = ["first", "second"] as const;

/** Checks the types of a kind and forgets its parameters. */
export function kind<P extends Parameters>(definition: ActionKind<P>): ActionKind {
  return definition as unknown as ActionKind;
}

/** One of the clients. */
export function someClient(chance: Chance, config: Config): number {
  return chance.whole(0, config.clients.length - 1);
}

/** One of the replicas. */
export function someReplica(chance: Chance, config: Config): number {
  return chance.whole(0, config.replicas.length - 1);
}

/** The parameters as an action carries them. */
export function parametersOf({ atMs: _, kind: __, ...parameters }: Action): Parameters {
  return parameters;
}
