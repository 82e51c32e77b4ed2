import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { JournalDeposedError, JournalOpenError } from "../journal.ts";
import { encodeRecords } from "./encoding.ts";
import type { Task, TaskResult, WorkerReply, WorkerRequest } from "./messages.ts";
import { Store } from "./store.ts";
import type { StoreOptions } from "./store-options.ts";

type AppendRequest = Extract<WorkerRequest, { kind: "append" }>;
type ReadRequest = Extract<WorkerRequest, { kind: "read" }>;
type TablesRequest = Extract<WorkerRequest, { kind: "readTables" }>;
type TaskRequest = Extract<WorkerRequest, { kind: "task" }>;

/** How much of what waits becomes one transaction. */
const groupLimits = {
  maxBatches: 256,
  maxBytes: 8 * 1024 * 1024,
} as const;

const port = parentPort;
if (port === null) throw new Error("this file is a worker thread of the SQLite journal");

const appends: AppendRequest[] = [];
const reads: (ReadRequest | TablesRequest)[] = [];
const tasks: TaskRequest[] = [];
/** Whether the first of the tasks has begun. */
let begun = false;
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
    for (takeWaiting(); hasWork(opened); takeWaiting()) {
      if (appends.length > 0) commitGroup(opened);
      // One page and one step between two commits: neither readers nor writers starve.
      const read = reads.shift();
      if (read?.kind === "read") readPage(opened, read);
      else if (read !== undefined) readTables(opened, read);
      const [task] = tasks;
      if (task !== undefined) runStep(opened, task);
      if (opened.isIndexDue) opened.indexStep();
      opened.checkpointIfDue(false);
    }
    if (closing) close(opened);
    else opened.checkpointIfDue(true);
  } catch (error) {
    fail(opened, error);
  }
}

/**
 * When it is closing, tasks and the index are left as they are: what they have begun is finished another
 * time.
 */
function hasWork(opened: Store): boolean {
  if (closing) tasks.length = 0;
  const asked = appends.length + reads.length + tasks.length > 0;
  return asked || (!closing && opened.isIndexDue);
}

function take(request: WorkerRequest): void {
  if (request.kind === "append") appends.push(request);
  else if (request.kind === "read" || request.kind === "readTables") reads.push(request);
  else if (request.kind === "task") tasks.push(request);
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
    const { batch, rows } = appends[count] as AppendRequest;
    bytes += batch.length + (rows?.length ?? 0);
    if (count > 0 && bytes > groupLimits.maxBytes) break;
    count += 1;
  }
  const group = appends.splice(0, count);
  opened.append(
    group.map(({ batch }) => batch),
    group.flatMap(({ rows }) => rows ?? []),
  );
  reply({ kind: "appended", count });
}

function readPage(opened: Store, { id, after, limit, filter }: ReadRequest): void {
  const page = opened.read(after, limit, filter);
  const records = encodeRecords(page.records);
  const { scannedTo, more } = page;
  reply({ kind: "page", id, records, scannedTo, more }, [records.buffer as ArrayBuffer]);
}

function readTables(opened: Store, { id, reads: asked }: TablesRequest): void {
  const results = opened.readTables(asked);
  const revision = opened.state().tail;
  reply({ kind: "tables", id, revision, results }, [results.buffer]);
}

function runStep(opened: Store, { id, task }: TaskRequest): void {
  const result = stepOf(opened, task);
  begun = result === undefined;
  if (result === undefined) return;
  tasks.shift();
  reply({ kind: "done", id, result: { ...result, state: opened.state() } });
}

/** Does a bounded part of a task. Returns undefined while more is to do. */
function stepOf(opened: Store, task: Task): Omit<TaskResult, "state"> | undefined {
  switch (task.kind) {
    case "beginSnapshot":
      return opened.beginSnapshot() ? {} : undefined;
    case "addChunk":
      opened.addChunk(task.bytes);
      return {};
    case "endSnapshot":
      opened.endSnapshot(task.position);
      return {};
    case "snapshotHead":
      return { head: opened.snapshotHead() };
    case "readChunk":
      return { bytes: opened.readChunk(task.number, task.first) };
    case "compact":
      if (!begun) opened.beginCompaction(task.floor);
      return opened.compactStep() ? {} : undefined;
    case "trimDataset":
      return opened.trimStep(task.datasetId, task) ? {} : undefined;
    case "dropDataset":
      return opened.trimStep(task.datasetId, "all") ? {} : undefined;
    case "datasetIds":
      return { ids: opened.datasetIds() };
  }
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
