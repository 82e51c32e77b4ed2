import type { AttachResponse, FrameQueue } from "@lockstep/protocol";

/** How many replies of one frame are told in one turn of the event loop. */
export const REPLIES_PER_TURN = 64;

/**
 * Tells a frame of many replies in pieces, a turn each, so that what the first ones lead to is on its way before the
 * last ones are dealt with: client, server and disk then work at the same time. Nothing is overtaken: it is as if the
 * server had sent several frames, and whatever comes behind them, their end too, waits for its turn.
 */
export class PacedFrames {
  readonly #frames: FrameQueue<AttachResponse>;
  readonly #nextTurn: (fn: () => void) => void;
  readonly #waiting: AttachResponse[] = [];
  #end: { readonly error: unknown } | undefined;

  /**
   * @param frames where they are told
   * @param nextTurn runs something in the next turn of the event loop
   */
  constructor(frames: FrameQueue<AttachResponse>, nextTurn: (fn: () => void) => void) {
    this.#frames = frames;
    this.#nextTurn = nextTurn;
  }

  /** How many pieces wait for their turn. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Tells a frame, after those before it; at once, as far as it can. */
  push(frame: AttachResponse): void {
    const isNext = this.#waiting.length === 0;
    this.#waiting.push(...piecesOf(frame));
    if (isNext) this.#tell();
  }

  /** After the frames that wait comes nothing more or, when there is one, this error. The first end counts. */
  end(error?: unknown): void {
    this.#end ??= { error };
    if (this.#waiting.length === 0) this.#frames.end(this.#end.error);
  }

  #tell(): void {
    const piece = this.#waiting.shift();
    if (piece !== undefined) this.#frames.push(piece);
    if (this.#waiting.length > 0) this.#nextTurn(() => this.#tell());
    else if (this.#end !== undefined) this.#frames.end(this.#end.error);
  }
}

/** A frame with news is one piece: its replies must not be acted on without what the news say of them. */
function piecesOf(frame: AttachResponse): AttachResponse[] {
  const { opened, replies, news } = frame;
  if (replies.length <= REPLIES_PER_TURN || opened !== undefined || news.length > 0) return [frame];
  const pieces: AttachResponse[] = [];
  for (let at = 0; at < replies.length; at += REPLIES_PER_TURN) {
    const some = replies.slice(at, at + REPLIES_PER_TURN);
    pieces.push({ $typeName: frame.$typeName, replies: some, news: [] });
  }
  return pieces;
}
