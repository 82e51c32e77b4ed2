import { create } from "@bufbuild/protobuf";
import {
  type Event,
  GetSessionRequestSchema,
  type GetSessionResponse,
  type IdRange,
} from "@lockstep/protocol";
import type { Way } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import type { LossReason } from "../errors.ts";
import type { ReleaseRequested } from "../lock/lock.ts";
import { lossReasonOf } from "./loss.ts";

/** What the reconciler asks of its session. */
export interface ReconcilerHost {
  /** Starts an errand. */
  submit(errand: Errand<"getSession">): () => void;
  /** Request ids to report as answered. */
  answered(): IdRange[];
  /** The highest epoch seen. */
  highestEpoch(): bigint;
  /** The way the session's requests take now, when it is an Attach. */
  stream(): Way | undefined;
  /** Acts on a complete list of what the session holds and waits for. */
  actOn(listed: GetSessionResponse): void;
  /** Marks a hold lost, now or as soon as its grant arrives. */
  lost(holdId: bigint, reason: LossReason): void;
  /** Somebody asks for a hold to be released; told now or as soon as its grant arrives. */
  asked(holdId: bigint, asked: ReleaseRequested): void;
  /** News have been acted on; a renewal tells the server so. */
  confirm(): void;
  /** The server answered over the stream in use. */
  streamProven(): void;
}

/**
 * Makes sure that news reach the client before more time does: what the server did to this session is
 * acted on before a renewal that knows of it moves the deadline.
 */
export class Reconciler {
  readonly #host: ReconcilerHost;
  #seenRevision = 0n;
  #epoch: bigint;
  // The stream whose pushes count: GetSession was answered over it and acted on.
  #settled: Way | undefined;
  #underWay = false;

  /** @param epoch the epoch the session was opened in, with nothing to list */
  constructor(host: ReconcilerHost, epoch: bigint) {
    this.#host = host;
    this.#epoch = epoch;
  }

  /** The revision up to which all news about this session have been acted on. */
  get seenRevision(): bigint {
    return this.#seenRevision;
  }

  /** Whether a renewal with this `session_revision` may move the deadline. If not, the news are fetched. */
  mayMoveDeadline(sessionRevision: bigint, epoch: bigint): boolean {
    if (sessionRevision <= this.#seenRevision && epoch === this.#epoch) return true;
    this.ask();
    return false;
  }

  /** Fetches what the session holds and waits for: there is news, or a new stream whose pushes do not count yet. */
  ask(): void {
    if (this.#underWay) return;
    this.#underWay = true;
    this.#host.submit({
      kind: "getSession",
      request: () => create(GetSessionRequestSchema, { answered: this.#host.answered() }),
      reply: (reply, way) => {
        this.#underWay = false;
        this.#acted(reply, way);
        return true;
      },
      refused: () => {
        // The next renewal or stream asks again; until then the deadline stands still.
        this.#underWay = false;
      },
    });
  }

  /** Takes events pushed on a stream. */
  news(stream: Way, events: readonly Event[]): void {
    // Not `every`: all of them are acted on.
    const understood = events.filter((event) => this.#understood(event)).length === events.length;
    const last = events.at(-1);
    if (!last) return;
    const counts = stream === this.#settled && this.#epoch === this.#host.highestEpoch();
    if (!understood || !counts) {
      this.ask();
      return;
    }
    this.#raise(last.revision);
    this.#host.confirm();
  }

  #understood({ body, actor, reason, revision, decidedAtMs }: Event): boolean {
    if (body.case === "lockLost") {
      this.#host.lost(body.value.holdId, lossReasonOf(body.value.reason));
      return true;
    }
    if (body.case === "releaseRequested") {
      const asked = { actor, reason, revision, askedAtMs: Number(decidedAtMs) };
      this.#host.asked(body.value.holdId, asked);
      return true;
    }
    return false;
  }

  #acted(reply: GetSessionResponse, way: Way): void {
    const { epoch = 0n, revision = 0n } = reply.header ?? {};
    this.#host.actOn(reply);
    this.#raise(revision);
    this.#epoch = epoch;
    const stream = this.#host.stream();
    if (way === stream) {
      this.#settled = stream;
      this.#host.streamProven();
    }
    this.#host.confirm();
    if (stream && this.#settled !== stream) this.ask();
  }

  #raise(revision: bigint): void {
    if (revision > this.#seenRevision) this.#seenRevision = revision;
  }
}
