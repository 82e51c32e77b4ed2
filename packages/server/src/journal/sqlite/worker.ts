import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { JournalDeposedError, JournalOpenError } from "../journal.ts";
import { encodeRecords } from "./encoding.ts";
import type { WorkerReply, WorkerRequest } from "./messages.ts";
import { Store, type StoreOptions } from "./store.ts";

type ReadRequest = Extract<WorkerRequest, { kind: "read" }>;

/** How much of what waits becomes one transaction. */
const groupLimits = {
  maxBatches: 256,
  maxBytes: 8 * 1024 * 1024,
} as const;

const port = parentPort;
if (port === null) throw new Error("this file is a worker thread of the SQLite journal");

const appends: Uint8Array[] = [];
const reads: ReadRequest[] = [];
let closing = false;

const store = open(workerData);
if (store !== undefined) port.on("message", (request: WorkerRequest) => serve(store, request));

function open(options: StoreOptions): Store | undefined {
  try {
    const opened = new Store(options);
    reply({ kind: "opened", state: opened.state(), notices: opened.notices });
    return opened;
  } catch (error) {
    const problem = error instanceof JournalOpenError ? error.problem : undefined;
    reply({ kind: "refused", problem, message: messageOf(error) });
    return undefined;
  }
}

/** Works until nothing waits any more. The first error is the last thing this thread does. */
function serve(opened: Store, request: WorkerRequest): void {
  try {
    take(request);
    for (takeWaiting(); appends.length + reads.length > 0; takeWaiting()) {
      if (appends.length > 0) commitGroup(opened);
      // One page between two commits: neither readers nor writers starve.
      const read = reads.shift();
      if (read !== undefined) readPage(opened, read);
      opened.checkpointIfDue(false);
    }
    if (closing) close(opened);
    else opened.checkpointIfDue(true);
  } catch (error) {
    fail(opened, error);
  }
}

function take(request: WorkerRequest): void {
  if (request.kind === "append") appends.push(request.batch);
  else if (request.kind === "read") reads.push(request);
  else closing = true;
}

function takeWaiting(): void {
  if (port === null) return;
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    take(next.message);
  }
}

function commitGroup(opened: Store): void {
  let bytes = 0;
  let count = 0;
  while (count < Math.min(appends.length, groupLimits.maxBatches)) {
    bytes += appends[count]?.length ?? 0;
    if (count > 0 && bytes > groupLimits.maxBytes) break;
    count += 1;
  }
  opened.append(appends.splice(0, count));
  reply({ kind: "appended", count });
}

function readPage(opened: Store, { id, after, limit, filter }: ReadRequest): void {
  const page = opened.read(after, limit, filter);
  const records = encodeRecords(page.records);
  const { scannedTo, more } = page;
  reply({ kind: "page", id, records, scannedTo, more }, [records.buffer as ArrayBuffer]);
}

function close(opened: Store): void {
  opened.close();
  reply({ kind: "closed" });
  port?.close();
}

function fail(opened: Store, error: unknown): void {
  reply({
    kind: "failed",
    deposed: error instanceof JournalDeposedError,
    message: messageOf(error),
  });
  port?.close();
  try {
    opened.abandon();
  } catch {
    // The error that counts has been told.
  }
}

function reply(message: WorkerReply, handedOver: ArrayBuffer[] = []): void {
  port?.postMessage(message, handedOver);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
