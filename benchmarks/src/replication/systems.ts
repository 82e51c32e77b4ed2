import { lockstep } from "./lockstep.ts";
import { etcd } from "./peers/etcd.ts";
import { jetStream } from "./peers/jetstream.ts";
import { redisStreams } from "./peers/redis-streams.ts";
import type { System } from "./system.ts";

/** Starts a system. @throws PeerMissingError when this machine lacks what it needs */
export type StartSystem = () => Promise<System>;

/** Who can take part, by the name under which one is chosen. */
const SYSTEMS = {
  lockstep,
  jetstream: jetStream,
  "redis-streams": redisStreams,
  etcd,
} as const satisfies Record<string, StartSystem>;

/** All who can take part. */
export const SYSTEM_NAMES = Object.keys(SYSTEMS) as readonly (keyof typeof SYSTEMS)[];

/** Those with these names. @throws Error that names one who does not exist */
export function systemsNamed(names: readonly string[]): Record<string, StartSystem> {
  const all: Readonly<Record<string, StartSystem>> = SYSTEMS;
  const chosen = names.map((name) => {
    const start = Object.hasOwn(all, name) ? all[name] : undefined;
    if (start === undefined) throw new Error(`nobody is called ${name}`);
    return [name, start] as const;
  });
  return Object.fromEntries(chosen);
}
