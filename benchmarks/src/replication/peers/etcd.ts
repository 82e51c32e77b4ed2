import { Etcd3 } from "etcd3";
import { startEtcd } from "../../locks/peers/etcd-server.ts";
import { built } from "../../locks/peers/go-program.ts";
import { libraries } from "../../locks/peers/program.ts";
import type { ChangeLog, Follow, System } from "../system.ts";

const ROWS_PER_READ = 1_000;
// A watch from the beginning gets a thousand transactions in one message, which is more than gRPC takes otherwise.
const WITHOUT_LIMIT = { "grpc.max_receive_message_length": -1 };

/** A current etcd: puts, several in one transaction, and watches. */
export async function etcd(): Promise<System> {
  const { clientUrl, version, stop } = await startEtcd(await built("etcd", "etcd", "."));
  const writer = new Etcd3({ hosts: clientUrl });
  return {
    name: "etcd",
    version: `${version}, ${libraries("etcd3")}`,
    open: async (name) => {
      const { header } = await writer.getAll().prefix(`${name}/`).limit(1).exec();
      return logOf(`${name}/`, Number(header.revision), clientUrl, writer);
    },
    close: async () => {
      writer.close();
      await stop();
    },
  };
}

function logOf(prefix: string, revision: number, url: string, writer: Etcd3): ChangeLog {
  const follow: Follow = async (from, onChange) => {
    const client = new Etcd3({ hosts: url, grpcOptions: WITHOUT_LIMIT });
    const watch = client.watch().prefix(prefix);
    if (from === "beginning") watch.startRevision(String(revision + 1));
    const watcher = await watch.create();
    watcher.on("put", ({ key }) => onChange(key.toString().slice(prefix.length)));
    return {
      stop: async () => {
        await watcher.cancel();
        client.close();
      },
    };
  };
  return {
    append: async (entries) => {
      const puts = entries.map(({ key, value }) =>
        writer.put(`${prefix}${key}`).value(value as Buffer),
      );
      const [only] = puts;
      if (puts.length === 1) await only?.exec();
      else
        await writer
          .if(prefix, "Version", "==", 0)
          .then(...puts)
          .commit();
    },
    followers: { watch: follow },
    snapshots: { range: () => readAll(prefix, url) },
  };
}

/** All rows, page by page at the revision of the first. */
async function readAll(prefix: string, url: string): Promise<number> {
  const client = new Etcd3({ hosts: url });
  try {
    let [rows, revision] = [0, ""];
    const end = `${prefix.slice(0, -1)}0`;
    for (let from = prefix; ; ) {
      const page = client.getAll().inRange({ start: from, end }).sort("Key", "Ascend");
      if (revision !== "") page.revision(revision);
      const { kvs, header, more } = await page.limit(ROWS_PER_READ).exec();
      revision ||= header.revision;
      rows += kvs.length;
      const last = kvs.at(-1);
      if (!more || last === undefined) return rows;
      from = `${last.key.toString()}\0`;
    }
  } finally {
    client.close();
  }
}
