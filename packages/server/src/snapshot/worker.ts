import { parentPort } from "node:worker_threads";
import type { JournalRecord } from "../journal/journal.ts";
import { decodeRecords } from "../journal/sqlite/encoding.ts";
import { coreCodec } from "./core-codec.ts";
import type { MakerReply, MakerRequest, MakerTask } from "./messages.ts";
import { rebuildState, type StateSource } from "./rebuild.ts";

const port = parentPort;
if (port === null) throw new Error("this file is a worker thread that makes snapshots");

const requests: MakerRequest[] = [];
let onRequest: (() => void) | undefined;
port.on("message", (request: MakerRequest) => {
  requests.push(request);
  onRequest?.();
});

try {
  for (;;) await makeSnapshot((await told("make")).task);
} catch (error) {
  say({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}
port.close();

async function makeSnapshot({ limits, snapshot }: MakerTask): Promise<void> {
  const source: StateSource = {
    snapshot: snapshot && { ...snapshot, chunks: snapshotChunks() },
    pages: pages(),
  };
  const { state } = await rebuildState(source, limits, coreCodec);
  say({ kind: "made", position: { revision: state.revision, epoch: state.epoch } });
  for (const chunk of coreCodec.encode(state)) {
    await told("nextChunk");
    // Of its own, because the buffer of what is handed over goes with it.
    const bytes = Uint8Array.from(chunk);
    say({ kind: "chunk", bytes }, [bytes.buffer]);
  }
  await told("nextChunk");
  say({ kind: "chunk", bytes: undefined });
}

async function* snapshotChunks(): AsyncGenerator<Uint8Array> {
  for (;;) {
    say({ kind: "wantsSnapshotChunk" });
    const { bytes } = await told("snapshotChunk");
    if (bytes === undefined) return;
    yield bytes;
  }
}

async function* pages(): AsyncGenerator<readonly JournalRecord[]> {
  for (;;) {
    say({ kind: "wantsPage" });
    const { records } = await told("page");
    if (records === undefined) return;
    yield decodeRecords(records);
  }
}

async function told<K extends MakerRequest["kind"]>(
  kind: K,
): Promise<Extract<MakerRequest, { kind: K }>> {
  while (requests.length === 0) {
    await new Promise<void>((resolve) => {
      onRequest = resolve;
    });
  }
  const request = requests.shift();
  if (request?.kind !== kind) throw new Error(`expected ${kind}, was told ${request?.kind}`);
  return request as Extract<MakerRequest, { kind: K }>;
}

function say(reply: MakerReply, handedOver: ArrayBuffer[] = []): void {
  port?.postMessage(reply, handedOver);
}
