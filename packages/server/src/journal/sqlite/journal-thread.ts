import { Worker } from "node:worker_threads";
import { workerLocation } from "../../worker-location.ts";
import {
  JournalDeposedError,
  type JournalFilter,
  JournalOpenError,
  type JournalPage,
  type JournalState,
  JournalUnknownError,
  type PageLimit,
} from "../journal.ts";
import { decodeRecords } from "./encoding.ts";
import type { Task, TaskResult, WorkerReply, WorkerRequest } from "./messages.ts";
import type { StoreOptions } from "./store-options.ts";

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

type Reply<K extends WorkerReply["kind"]> = Extract<WorkerReply, { kind: K }>;

/**
 * The near end of the worker thread that owns the database. Commits block the thread they run on, and
 * the event loop of the server must never wait for a disk.
 */
export class JournalThread {
  readonly #worker: Worker;
  readonly #opening = Promise.withResolvers<Reply<"opened">>();
  readonly #appends: Waiting<void>[] = [];
  readonly #reads = new Map<number, Waiting<JournalPage>>();
  readonly #tables = new Map<number, Waiting<Reply<"tables">>>();
  readonly #tasks = new Map<number, Waiting<TaskResult>>();
  readonly #ended = Promise.withResolvers<void>();
  #nextId = 0;
  #failure: Error | undefined;
  #closing = false;

  private constructor(options: StoreOptions) {
    this.#worker = new Worker(workerLocation(import.meta.url, "journal/sqlite"), {
      workerData: options,
      // The flags of the process, such as those of `node -e`, are not meant for this file.
      execArgv: [],
    });
    this.#worker.on("message", (reply: WorkerReply) => this.#receive(reply));
    this.#worker.on("error", (error) => this.#fail(unknownOutcome(error.message)));
    this.#worker.on("exit", () => {
      this.#fail(unknownOutcome("its thread has ended"));
      this.#ended.resolve();
    });
  }

  /**
   * Starts the thread and verifies the journal.
   * @throws JournalOpenError
   */
  static async open(
    options: StoreOptions,
  ): Promise<{ thread: JournalThread; state: JournalState; notices: readonly string[] }> {
    const thread = new JournalThread(options);
    const { state, notices } = await thread.#opening.promise;
    return { thread, state, notices };
  }

  /** Why nothing can be done any more; undefined while something can. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Makes an encoded batch durable, with what it writes into tables. The buffers are handed over and cannot be
   * used any more.
   */
  append(batch: Uint8Array, rows: Uint8Array | undefined): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const buffers = rows === undefined ? [batch.buffer] : [batch.buffer, rows.buffer];
    this.#post({ kind: "append", batch, rows }, buffers as ArrayBuffer[]);
    return new Promise((resolve, reject) => this.#appends.push({ resolve, reject }));
  }

  /** Reads a page; one page never holds more than the bounds of `pageLimits`. */
  read(after: bigint, limit: PageLimit, filter: JournalFilter): Promise<JournalPage> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    this.#post({ kind: "read", id, after, limit, filter });
    return new Promise((resolve, reject) => this.#reads.set(id, { resolve, reject }));
  }

  /** Reads tables: encoded reads, which are handed over, and encoded results. */
  readTables(reads: Uint8Array<ArrayBuffer>): Promise<Reply<"tables">> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    this.#post({ kind: "readTables", id, reads }, [reads.buffer]);
    return new Promise((resolve, reject) => this.#tables.set(id, { resolve, reject }));
  }

  /** Runs a task, which may take several turns of the thread. */
  run(task: Task): Promise<TaskResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    this.#post({ kind: "task", id, task });
    return new Promise((resolve, reject) => this.#tasks.set(id, { resolve, reject }));
  }

  /** Waits for appends and reads under way and ends the thread. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#post({ kind: "close" });
    }
    await this.#ended.promise;
  }

  #post(request: WorkerRequest, handedOver: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, handedOver);
  }

  #receive(reply: WorkerReply): void {
    if (reply.kind === "opened") this.#opening.resolve(reply);
    else if (reply.kind === "refused") this.#opening.reject(refusal(reply));
    else if (reply.kind === "appended") this.#receiveAppended(reply.count);
    else if (reply.kind === "page") this.#receivePage(reply);
    else if (reply.kind === "tables") this.#receiveTables(reply);
    else if (reply.kind === "done") this.#receiveDone(reply);
    else if (reply.kind === "failed") this.#fail(failure(reply));
    else this.#failure ??= new JournalUnknownError("The journal is closed.");
  }

  #receiveAppended(count: number): void {
    for (const { resolve } of this.#appends.splice(0, count)) resolve();
  }

  #receivePage({ id, records, scannedTo, more }: Reply<"page">): void {
    const waiting = this.#reads.get(id);
    this.#reads.delete(id);
    waiting?.resolve({ records: decodeRecords(records), scannedTo, more });
  }

  #receiveTables(reply: Reply<"tables">): void {
    const waiting = this.#tables.get(reply.id);
    this.#tables.delete(reply.id);
    waiting?.resolve(reply);
  }

  #receiveDone({ id, result }: Reply<"done">): void {
    const waiting = this.#tasks.get(id);
    this.#tasks.delete(id);
    waiting?.resolve(result);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#opening.reject(this.#failure);
    for (const { reject } of this.#appends.splice(0)) reject(this.#failure);
    for (const { reject } of this.#reads.values()) reject(this.#failure);
    this.#reads.clear();
    for (const { reject } of this.#tables.values()) reject(this.#failure);
    this.#tables.clear();
    for (const { reject } of this.#tasks.values()) reject(this.#failure);
    this.#tasks.clear();
  }
}

function refusal({ problem, message }: Reply<"refused">): Error {
  return problem === undefined ? new Error(message) : new JournalOpenError(problem, message);
}

function failure({ deposed, message }: Reply<"failed">): Error {
  return deposed ? new JournalDeposedError(message) : unknownOutcome(message);
}

function unknownOutcome(why: string): JournalUnknownError {
  return new JournalUnknownError(
    `The journal failed (${why}); whether its last batches are durable is known when it is opened again.`,
  );
}
