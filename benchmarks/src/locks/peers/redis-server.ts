import { proven, requireDurableRedis } from "./durability.ts";
import { dataFolder, freePort, type PeerProgram, startProgram, versionOf } from "./program.ts";

/** A Redis that syncs its log before it answers. */
export interface RedisServer extends PeerProgram {
  /** Where it listens on loopback. */
  readonly port: number;
  readonly version: string;
}

/**
 * Starts a Redis on a new folder.
 * @throws PeerMissingError when it is not installed
 * @throws NotDurableError when it does not sync as it was told to
 */
export async function startRedis(): Promise<RedisServer> {
  const version = versionOf("redis-server");
  const [port, folder] = [await freePort(), dataFolder("redis")];
  const flags = {
    port,
    bind: "127.0.0.1",
    dir: folder,
    appendonly: "yes",
    appendfsync: "always",
    save: "",
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const program = await startProgram("redis-server", args, port, folder);
  const { stop } = await proven(program, requireDurableRedis(port));
  return { port, version, stop };
}
