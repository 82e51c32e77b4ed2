import type { Group, Sizes } from "./contestant.ts";
import { lockstep } from "./lockstep.ts";
import { currentEtcd, debianEtcd } from "./peers/etcd.ts";
import { postgres } from "./peers/postgres.ts";
import { redis } from "./peers/redis.ts";
import { rawCommit } from "./raw-commit.ts";
import { rawHttp2 } from "./raw-http2.ts";

/** Starts what some contestants share. @throws PeerMissingError when this machine lacks what they need */
export type StartGroup = (sizes: Sizes) => Promise<Group>;

/** Who can take part, by the name under which one is chosen. */
const GROUPS = {
  commit: rawCommit,
  "ping-pong": rawHttp2,
  lockstep,
  redis,
  "etcd-debian": debianEtcd,
  etcd: currentEtcd,
  postgres,
} as const satisfies Record<string, StartGroup>;

/** All who can take part. */
export const GROUP_NAMES = Object.keys(GROUPS) as readonly (keyof typeof GROUPS)[];

/** Those with these names. @throws Error that names one who does not exist */
export function groupsNamed(names: readonly string[]): Record<string, StartGroup> {
  const all: Readonly<Record<string, StartGroup>> = GROUPS;
  const chosen = names.map((name) => {
    const start = Object.hasOwn(all, name) ? all[name] : undefined;
    if (start === undefined) throw new Error(`nobody is called ${name}`);
    return [name, start] as const;
  });
  return Object.fromEntries(chosen);
}
