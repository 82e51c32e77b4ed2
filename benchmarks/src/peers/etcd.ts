import { execFile, execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Etcd3, EtcdLockFailedError } from "etcd3";
import { type Contestant, type Group, PeerMissingError, type Sizes } from "../contestant.ts";
import type { Round } from "../measure.ts";
import { dataFolder, freePort, startProgram, versionOf } from "./program.ts";

const TTL_S = 15;
const MODULE = join(import.meta.dirname, "../../etcd");
const BUILT = join(import.meta.dirname, "../../.build");

/** etcd as Debian ships it. */
export function debianEtcd(sizes: Sizes): Promise<Group> {
  return etcd("etcd of Debian", "etcd", undefined, sizes);
}

/** A current etcd, built from its Go module, and the mutex of its Go client. */
export function currentEtcd(sizes: Sizes): Promise<Group> {
  return etcd("etcd", built("etcd", "."), built("mutex", "./mutex"), sizes);
}

/** Builds a program of the Go module beside this package, unless it is there. */
function built(name: string, path: string): string {
  const program = join(BUILT, name);
  try {
    mkdirSync(BUILT, { recursive: true });
    execFileSync("go", ["build", "-C", MODULE, "-o", program, path], { stdio: "pipe" });
  } catch (cause) {
    throw new PeerMissingError(`${name} cannot be built: Go is missing, or its modules`, { cause });
  }
  return program;
}

async function etcd(
  name: string,
  command: string,
  mutex: string | undefined,
  { callers, contending }: Sizes,
): Promise<Group> {
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
  const client = new Etcd3({ hosts: clientUrl });
  const lease = client.lease(TTL_S);
  await lease.grant();
  const contestants = [
    ...callers.map((count) => rawPair(name, client, lease, count)),
    ...callers.map((count) => libraryLock(name, client, count, false)),
    libraryLock(name, client, contending, true),
    ...(mutex === undefined
      ? []
      : callers.map((count) => goMutex(name, mutex, clientUrl, count, false))),
    ...(mutex === undefined ? [] : [goMutex(name, mutex, clientUrl, contending, true)]),
  ];
  const close = async () => {
    await lease.revoke();
    client.close();
    await program.stop();
  };
  return { version, contestants, close };
}

/** Put if absent, then delete if it is still ours: two transactions on one shared lease, and no more. */
function rawPair(
  etcdName: string,
  client: Etcd3,
  lease: ReturnType<Etcd3["lease"]>,
  callers: number,
): Contestant {
  const cycle = async (caller: number) => {
    const key = `raw/${caller}`;
    const put = await client.if(key, "Create", "==", 0).then(lease.put(key).value("held")).commit();
    if (!put.succeeded) throw new Error("not granted");
    const deleted = await client
      .if(key, "Value", "==", "held")
      .then(client.delete().key(key))
      .commit();
    if (!deleted.succeeded) throw new Error("not released");
  };
  return { name: `${etcdName}, raw transactions`, callers, contended: false, work: { cycle } };
}

function libraryLock(
  etcdName: string,
  client: Etcd3,
  callers: number,
  contended: boolean,
): Contestant {
  const cycle = async (caller: number) => {
    for (;;) {
      const lock = client.lock(`lock/${contended ? "one" : caller}`).ttl(TTL_S);
      try {
        await lock.acquire();
      } catch (error) {
        // It does not wait: whoever wants the lock tries again.
        if (!contended || !(error instanceof EtcdLockFailedError)) throw error;
        continue;
      }
      await lock.release();
      return;
    }
  };
  return { name: `${etcdName}, etcd3 lock`, callers, contended, work: { cycle } };
}

/** `concurrency.Mutex` of etcd's own Go client; the program measures itself. */
function goMutex(
  etcdName: string,
  program: string,
  endpoint: string,
  callers: number,
  contended: boolean,
): Contestant {
  const run = async (durationMs: number) => {
    const args = [endpoint, String(callers), String(durationMs), String(contended)];
    const { stdout } = await promisify(execFile)(program, args);
    return JSON.parse(stdout) as Round;
  };
  return { name: `${etcdName}, concurrency.Mutex of Go`, callers, contended, work: { run } };
}
