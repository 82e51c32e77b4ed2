import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Etcd3, EtcdLockFailedError, type Lease } from "etcd3";
import type { Contestant, Group, Sizes } from "../contestant.ts";
import type { Round } from "../measure.ts";
import { startEtcd } from "./etcd-server.ts";
import { built } from "./go-program.ts";
import { libraries } from "./program.ts";

const TTL_S = 15;
// A program that measures itself is given up so long after its time; its sessions take a while to open.
const OVERRUN_MS_MAX = 60_000;

/** etcd as Debian ships it. */
export function debianEtcd(sizes: Sizes): Promise<Group> {
  return etcd("etcd of Debian", "etcd", undefined, sizes);
}

/** A current etcd, built from its Go module, and the mutex of its Go client. */
export async function currentEtcd(sizes: Sizes): Promise<Group> {
  return etcd(
    "etcd",
    await built("etcd", "etcd", "."),
    await built("mutex", "etcd", "./mutex"),
    sizes,
  );
}

async function etcd(
  name: string,
  command: string,
  mutex: string | undefined,
  { callers, contending }: Sizes,
): Promise<Group> {
  const { clientUrl, version, stop } = await startEtcd(command);
  const client = new Etcd3({ hosts: clientUrl });
  const contestants = [
    ...callers.map((count) => rawPair(name, client, count)),
    ...callers.map((count) => libraryLock(name, client, count, false)),
    libraryLock(name, client, contending, true),
    ...(mutex === undefined
      ? []
      : callers.map((count) => goMutex(name, mutex, clientUrl, count, false))),
    ...(mutex === undefined ? [] : [goMutex(name, mutex, clientUrl, contending, true)]),
  ];
  const close = async () => {
    client.close();
    await stop();
  };
  return { version: `${version}, ${libraries("etcd3")}`, contestants, close };
}

/**
 * Put if absent, then delete if it is still ours: two transactions on one shared lease, and no more. The lease is new in
 * every round: none is kept alive reliably while others load this process.
 */
function rawPair(etcdName: string, client: Etcd3, callers: number): Contestant {
  let lease: Lease | undefined;
  const cycle = async (caller: number) => {
    if (lease === undefined) throw new Error("no lease: not prepared");
    const key = `raw/${caller}`;
    const put = await client.if(key, "Create", "==", 0).then(lease.put(key).value("held")).commit();
    if (!put.succeeded) throw new Error("not granted");
    const deleted = await client
      .if(key, "Value", "==", "held")
      .then(client.delete().key(key))
      .commit();
    if (!deleted.succeeded) throw new Error("not released");
  };
  return {
    name: `${etcdName}, raw transactions`,
    callers,
    contended: false,
    work: { cycle },
    prepare: async () => {
      lease = client.lease(TTL_S);
      await lease.grant();
    },
    // What a failed round left under the lease goes with it.
    finish: async () => await lease?.revoke(),
  };
}

function libraryLock(
  etcdName: string,
  client: Etcd3,
  callers: number,
  contended: boolean,
): Contestant {
  const take = async (key: string) => {
    const lock = await client.lock(key).ttl(TTL_S).acquire();
    return () => lock.release();
  };
  const cycle = async (caller: number) => {
    const release = await take(`lock/${caller}`);
    await release();
  };
  const contend = async () => {
    for (;;) {
      try {
        return await take("lock/one");
      } catch (error) {
        // It does not wait: whoever wants the lock tries again.
        if (!(error instanceof EtcdLockFailedError)) throw error;
      }
    }
  };
  const name = `${etcdName}, etcd3 lock`;
  return { name, callers, contended, work: contended ? { contend } : { cycle } };
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
    const timeout = durationMs + OVERRUN_MS_MAX;
    const { stdout } = await promisify(execFile)(program, args, { timeout });
    return JSON.parse(stdout) as Round;
  };
  return { name: `${etcdName}, concurrency.Mutex of Go`, callers, contended, work: { run } };
}
