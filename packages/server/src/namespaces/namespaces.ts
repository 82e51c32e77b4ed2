import { limitExceeded, storageLow } from "@lockstep/core";
import { compareNames, type Limits } from "@lockstep/protocol";
import type { Executor } from "../executor/executor.ts";
import type { Namespace } from "../executor/namespace.ts";
import type { Journal } from "../journal/journal.ts";

/** A namespace together with the journal it writes. */
export interface OpenedNamespace {
  readonly executor: Executor;
  readonly journal: Journal;
}

/** What the namespaces of a server are made of. */
export interface NamespacesParts {
  readonly limits: Limits;
  /** Opens a namespace, making it when it is missing; it does not answer yet. */
  readonly open: (name: string, isNew: boolean) => Promise<OpenedNamespace>;
}

/**
 * The namespaces of a server: those it starts with, and those that are made while it runs. Handlers read
 * `served`; nobody else puts anything in.
 */
export class Namespaces {
  /** What answers, by name. */
  readonly served: ReadonlyMap<string, Namespace>;
  readonly #served = new Map<string, Namespace>();
  readonly #opened = new Map<string, OpenedNamespace>();
  readonly #parts: NamespacesParts;
  /** One is made at a time. */
  #making: Promise<unknown> = Promise.resolve();

  constructor(parts: NamespacesParts) {
    this.#parts = parts;
    this.served = this.#served;
  }

  /** Opens the namespaces a server starts with. They answer RECOVERING until `start`. */
  async open(names: Iterable<string>): Promise<void> {
    for (const name of [...new Set(names)].sort(compareNames)) {
      const opened = await this.#parts.open(name, false);
      this.#opened.set(name, opened);
      this.#served.set(name, opened.executor);
    }
  }

  /** Lets all that are open begin to answer. */
  start(): void {
    for (const { executor } of this.#opened.values()) executor.start();
  }

  /**
   * Gives a namespace to `use`, making it when it is missing; nobody else can use a new one before
   * `use` is done with it.
   * @throws Refusal LIMIT_EXCEEDED (`max_namespaces`) or STORAGE_LOW; JournalOpenError; what `use` throws
   */
  make<R>(name: string, use: (namespace: Namespace, isNew: boolean) => Promise<R>): Promise<R> {
    const made = this.#making.then(() => this.#make(name, use));
    this.#making = made.catch(() => undefined);
    return made;
  }

  /** Whether something is on its way to a journal, or from its tables. */
  isCommitting(): boolean {
    return [...this.#opened.values()].some(
      ({ executor }) =>
        executor.datasets.isReading || (executor.info().counters?.commitsPending ?? 0) > 0,
    );
  }

  /** Stops all of them and closes their journals. */
  async close(): Promise<void> {
    await this.#making;
    for (const { executor } of this.#opened.values()) executor.close();
    for (const { journal } of this.#opened.values()) await journal.close();
  }

  async #make<R>(
    name: string,
    use: (namespace: Namespace, isNew: boolean) => Promise<R>,
  ): Promise<R> {
    const known = this.#served.get(name);
    if (known !== undefined) return use(known, false);
    const { executor } = this.#opened.get(name) ?? (await this.#openNew(name));
    const result = await use(executor, true);
    this.#served.set(name, executor);
    return result;
  }

  async #openNew(name: string): Promise<OpenedNamespace> {
    await this.#refuseWithoutRoom();
    const opened = await this.#parts.open(name, true);
    this.#opened.set(name, opened);
    opened.executor.start();
    return opened;
  }

  async #refuseWithoutRoom(): Promise<void> {
    const { max_namespaces, min_free_bytes } = this.#parts.limits;
    if (this.#opened.size >= max_namespaces) {
      throw limitExceeded("max_namespaces", max_namespaces, "the server has too many namespaces");
    }
    const [any] = this.#opened.values();
    const freeBytes = await any?.journal.freeBytes();
    if (freeBytes !== undefined && freeBytes < min_free_bytes) {
      throw storageLow("no namespace is made");
    }
  }
}
