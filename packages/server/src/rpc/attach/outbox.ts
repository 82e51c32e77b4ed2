import type { ConnectError } from "@connectrpc/connect";
import type { AttachReply, AttachResponse, Event } from "@lockstep/protocol";

// What may wait to be sent before no further frame is read. The client's calls under way are bounded
// as well, so this is where a client that does not read comes to a stop.
const UNSENT_BYTES_BEFORE_PAUSE = 1024 * 1024;

/**
 * What an Attach has to send: everything that one event of the event loop brings leaves in one frame, cut at
 * `maxFrameBytes`, and nothing waits for another event.
 */
export class Outbox {
  readonly #maxFrameBytes: number;
  readonly #onEnd: () => void;
  #replies: AttachReply[] = [];
  #replyBytes: number[] = [];
  #nextReply = 0;
  #news: Event[] = [];
  #newsBytes: number[] = [];
  #nextNews = 0;
  #unsentBytes = 0;
  /** What brought something has been handled: it may leave. */
  #ready = false;
  #turnAsked = false;
  #ended = false;
  #endedWith: ConnectError | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  /** @param onEnd called when nothing more comes, while some may still wait to be sent */
  constructor(maxFrameBytes: number, onEnd: () => void = () => undefined) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onEnd = onEnd;
  }

  /** Adds the reply to a call; `bytes` is its encoded size, or a bound of it. */
  addReply(reply: AttachReply, bytes: number): void {
    this.#replies.push(reply);
    this.#replyBytes.push(this.#added(bytes));
  }

  /** Adds an event about the session; `bytes` is its encoded size, or a bound of it. */
  addNews(event: Event, bytes: number): void {
    this.#news.push(event);
    this.#newsBytes.push(this.#added(bytes));
  }

  /** Nothing more comes: after what is there, the stream ends, with this error if there is one. */
  end(error: ConnectError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#endedWith = error;
    this.#onEnd();
    this.#wakeReader?.();
    this.#tellWriters();
  }

  /** Throws away what has not been sent and ends the stream. */
  abort(error: ConnectError): void {
    this.#sent(this.#news.length, this.#replies.length, this.#unsentBytes);
    this.end(error);
  }

  /** Bytes that wait to be sent. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** Settles when little enough waits to be sent, or the stream has ended. */
  async room(): Promise<void> {
    while (this.#unsentBytes >= UNSENT_BYTES_BEFORE_PAUSE && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakeWriters.push(resolve);
      });
    }
  }

  /** The next frame, or undefined at the end. @throws the error the stream ended with. */
  async nextFrame(): Promise<AttachResponse | undefined> {
    while (!this.#ready && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    if (!this.#isEmpty()) return this.#cutFrame();
    if (this.#endedWith !== undefined) throw this.#endedWith;
    return undefined;
  }

  /** What it takes in a frame. */
  #added(bytes: number): number {
    const size = sizeInFrame(bytes);
    this.#unsentBytes += size;
    this.#askTurn();
    return size;
  }

  #askTurn(): void {
    if (this.#turnAsked || this.#ready) return;
    this.#turnAsked = true;
    // Not a turn later: what is committed together is told together, and the sooner it is written, the sooner
    // the turn that sends it comes.
    process.nextTick(() => {
      this.#turnAsked = false;
      this.#ready = true;
      this.#wakeReader?.();
    });
  }

  #isEmpty(): boolean {
    return this.#replies.length === 0 && this.#news.length === 0;
  }

  /** News first: a reply of the same commit must not overtake the loss it speaks of. */
  #cutFrame(): AttachResponse {
    let room = this.#maxFrameBytes;
    let newsEnd = this.#nextNews;
    let replyEnd = this.#nextReply;
    const fits = (bytes: number) => room === this.#maxFrameBytes || bytes <= room;
    for (; newsEnd < this.#news.length; newsEnd++) {
      const bytes = this.#newsBytes[newsEnd] ?? 0;
      if (!fits(bytes)) break;
      room -= bytes;
    }
    const newsDone = newsEnd === this.#news.length;
    for (; newsDone && replyEnd < this.#replies.length; replyEnd++) {
      const bytes = this.#replyBytes[replyEnd] ?? 0;
      if (!fits(bytes)) break;
      room -= bytes;
    }
    const frame: AttachResponse = {
      $typeName: "lockstep.v1.AttachResponse",
      news: this.#news.slice(this.#nextNews, newsEnd),
      replies: this.#replies.slice(this.#nextReply, replyEnd),
    };
    this.#sent(newsEnd, replyEnd, this.#maxFrameBytes - room);
    return frame;
  }

  #sent(newsEnd: number, replyEnd: number, bytes: number): void {
    this.#unsentBytes -= bytes;
    this.#nextNews = newsEnd;
    this.#nextReply = replyEnd;
    if (newsEnd === this.#news.length) {
      this.#news = [];
      this.#newsBytes = [];
      this.#nextNews = 0;
    }
    if (replyEnd === this.#replies.length) {
      this.#replies = [];
      this.#replyBytes = [];
      this.#nextReply = 0;
    }
    if (this.#isEmpty()) this.#ready = false;
    if (this.#unsentBytes < UNSENT_BYTES_BEFORE_PAUSE) this.#tellWriters();
  }

  #tellWriters(): void {
    for (const wake of this.#wakeWriters.splice(0)) wake();
  }
}

/** An item with its tag and its length before it. */
function sizeInFrame(bytes: number): number {
  let size = 2 + bytes;
  for (let rest = bytes; rest > 0x7f; rest >>>= 7) size += 1;
  return size;
}
