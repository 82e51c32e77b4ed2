import { proven, requireDurableEtcd } from "./durability.ts";
import { dataFolder, freePort, type PeerProgram, startProgram, versionOf } from "./program.ts";

/** An etcd of one member, durable as etcd always is. */
export interface EtcdServer extends PeerProgram {
  readonly clientUrl: string;
  readonly version: string;
}

/**
 * Starts an etcd on a new folder.
 * @throws PeerMissingError when there is no such program
 * @throws NotDurableError when it does not sync its log
 */
export async function startEtcd(command: string): Promise<EtcdServer> {
  const version = versionOf(command);
  const [port, peerPort, folder] = [await freePort(), await freePort(), dataFolder("etcd")];
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const flags = {
    "data-dir": folder,
    "listen-client-urls": clientUrl,
    "advertise-client-urls": clientUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": `default=${peerUrl}`,
    "log-level": "error",
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const program = await startProgram(command, args, port, folder);
  const { stop } = await proven(program, requireDurableEtcd(clientUrl));
  return { clientUrl, version, stop };
}
