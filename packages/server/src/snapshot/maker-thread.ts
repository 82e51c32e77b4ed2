import { Worker } from "node:worker_threads";
import { workerLocation } from "../worker-location.ts";
import type { MakerReply, MakerRequest } from "./messages.ts";

/** The near end of a thread that makes snapshots, one at a time. */
export class MakerThread {
  readonly #worker: Worker;
  readonly #said: MakerReply[] = [];
  #failure: Error | undefined;
  #onNews: () => void = () => undefined;

  constructor() {
    this.#worker = new Worker(workerLocation(import.meta.url, "snapshot"), {
      // The flags of the process, such as those of `node -e`, are not meant for this file.
      execArgv: [],
    });
    // A snapshot under way is no reason for the process to go on.
    this.#worker.unref();
    this.#worker.on("message", (reply: MakerReply) => {
      if (reply.kind === "failed") this.#fail(new Error(reply.message));
      else this.#said.push(reply);
      this.#onNews();
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () =>
      this.#fail(new Error("the thread that makes snapshots has ended")),
    );
  }

  /** Whether it can be told more. */
  get isUsable(): boolean {
    return this.#failure === undefined;
  }

  tell(request: MakerRequest, handedOver: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, handedOver);
  }

  /** What it says next. @throws what made it fail */
  async said(): Promise<MakerReply> {
    for (;;) {
      const next = this.#said.shift();
      if (next !== undefined) return next;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#onNews = resolve;
      });
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#onNews();
  }
}
