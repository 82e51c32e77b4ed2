import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamClient,
  jetstream,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { proven, requireDurableNats } from "../../locks/peers/durability.ts";
import { built } from "../../locks/peers/go-program.ts";
import {
  dataFolder,
  freePort,
  libraries,
  startProgram,
  versionOf,
} from "../../locks/peers/program.ts";
import type { ChangeLog, Follow, System } from "../system.ts";

const MESSAGES_PER_PULL = 1_000;
// A thousand callers wait for one another's syncs: who waits long has not failed.
const APPEND_MS_MAX = 60_000;

/** NATS JetStream, one replica, its files synced before each answer: publish, atomic batches, ordered consumers. */
export async function jetStream(): Promise<System> {
  const command = await built("nats", "nats", ".");
  const [port, monitorPort, folder] = [await freePort(), await freePort(), dataFolder("nats")];
  const configuration = join(folder, "nats.conf");
  writeFileSync(
    configuration,
    `listen: 127.0.0.1:${port}
     http: 127.0.0.1:${monitorPort}
     jetstream { store_dir: ${JSON.stringify(folder)}, sync_interval: always }`,
  );
  const version = `${versionOf(command)}, ${libraries("@nats-io/jetstream", "@nats-io/transport-node")}`;
  const program = await proven(
    await startProgram(command, [configuration], port, folder),
    requireDurableNats(`http://127.0.0.1:${monitorPort}`),
  );
  const servers = `127.0.0.1:${port}`;
  const writer = await connect({ servers });
  const client = jetstream(writer, { timeout: APPEND_MS_MAX });
  return {
    name: "NATS JetStream",
    version,
    open: (name) => openStream(name, client, servers),
    close: async () => {
      await writer.close();
      await program.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openStream(
  name: string,
  client: JetStreamClient,
  servers: string,
): Promise<ChangeLog> {
  const manager = await client.jetstreamManager();
  await manager.streams.add({
    name,
    subjects: [`${name}.>`],
    storage: StorageType.File,
    num_replicas: 1,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    allow_atomic: true,
  });
  // A subject for each caller and not for each key: it remembers less, which favours it.
  const subjectOf = (key: string) => `${name}.${key.slice(0, key.indexOf("/"))}`;
  return {
    append: async (entries) => {
      const [first, ...others] = entries;
      if (first === undefined) return;
      if (others.length === 0) {
        await client.publish(subjectOf(first.key), first.value);
        return;
      }
      const batch = await client.startBatch(subjectOf(first.key), first.value);
      for (const { key, value } of others.slice(0, -1)) void batch.add(subjectOf(key), value);
      const last = others.at(-1) ?? first;
      await batch.commit(subjectOf(last.key), last.value);
    },
    followers: { "ordered consumer": consumerOf(name, servers) },
    snapshots: {},
  };
}

function consumerOf(name: string, servers: string): Follow {
  return async (from, onChange) => {
    const connection = await connect({ servers });
    const deliver_policy = from === "beginning" ? DeliverPolicy.All : DeliverPolicy.New;
    const consumer = await jetstream(connection).consumers.get(name, { deliver_policy });
    const messages = await consumer.consume({
      max_messages: MESSAGES_PER_PULL,
      callback: ({ subject }) => onChange(`${subject.slice(name.length + 1)}/`),
    });
    return {
      stop: async () => {
        messages.stop();
        await connection.close();
      },
    };
  };
}
