import { Code } from "@connectrpc/connect";
import { ErrorReason, type Event, type ReplyHeader } from "@lockstep/protocol";
import { backoffMs } from "../backoff.ts";
import { type Fault, sessionEnd, transportFault } from "../calls/fault.ts";
import type { LossReason } from "../errors.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { AttachListener, AttachStream } from "./stream.ts";

/** How long a server has to accept an Attach. */
export const ATTACH_OPEN_TIMEOUT_MS = 5_000;
/** Attaches that fail in a row, while unary calls are answered, before the client does without. */
export const ATTACH_FAILURES_MAX = 3;
/** How long the client does without Attach before it tries again. */
export const ATTACH_PROBE_INTERVAL_MS = 60_000;

/** What the link asks of its session. */
export interface LinkHost {
  readonly clock: Clock;
  readonly random: Random;
  /** Starts an Attach. */
  attach(listener: AttachListener): AttachStream;
  /** How many unary calls have been answered so far. */
  unarySuccesses(): number;
  /** From now on requests go this way; undefined: there is none for the moment. */
  use(way: AttachStream | "unary" | undefined): void;
  /** A frame has arrived. */
  arrived(): void;
  /** Whether the server behind a new stream may be believed. */
  admit(header: ReplyHeader): boolean;
  /** News on the stream in use. */
  news(stream: AttachStream, events: readonly Event[]): void;
  /** The stream in use was cut: find out whether the server still answers. */
  probe(): void;
  /** The server says that the session has ended. */
  sessionEnded(reason: LossReason): void;
}

/** Keeps one Attach of a session open, or does without where that is not possible. */
export class Link implements AttachListener {
  readonly #host: LinkHost;
  #stream: AttachStream | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #successesBefore = 0;
  #fallback = false;
  #stopped = false;

  constructor(host: LinkHost) {
    this.#host = host;
  }

  /** The stream, once it has been accepted. */
  get openStream(): AttachStream | undefined {
    return this.#stream?.opened ? this.#stream : undefined;
  }

  /** @param attach whether to try Attach at all */
  start(attach: boolean): void {
    if (attach) this.#open();
    else this.#host.use("unary");
  }

  /** The stream does its work; one that is only accepted and then cut counts as a failure. */
  proven(): void {
    this.#failures = 0;
  }

  /** The stream answers no more although the server does: opens a new one. */
  reopen(): void {
    const stream = this.#stream;
    if (!stream || this.#stopped) return;
    this.#stream = undefined;
    this.#host.use(undefined);
    stream.close();
    this.#open();
  }

  /** @param lingerMs how long replies under way are still listened to */
  stop(lingerMs: number): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    const stream = this.#stream;
    if (!stream) return;
    if (lingerMs === 0) stream.close();
    else this.#host.clock.after(lingerMs, () => stream.close());
  }

  arrived(): void {
    this.#host.arrived();
  }

  opened(stream: AttachStream, header: ReplyHeader): boolean {
    if (stream !== this.#stream || this.#stopped) return true;
    if (!this.#host.admit(header)) return false;
    this.#timer?.cancel();
    if (this.#fallback) {
      this.#fallback = false;
      this.#host.use(stream);
    }
    return true;
  }

  news(stream: AttachStream, events: readonly Event[]): void {
    if (stream === this.#stream && !this.#stopped) this.#host.news(stream, events);
  }

  ended(stream: AttachStream, fault: Fault): void {
    if (stream !== this.#stream || this.#stopped) return;
    this.#timer?.cancel();
    this.#stream = undefined;
    if (!this.#fallback) this.#host.use(undefined);
    this.#host.arrived();
    if (this.#stopped) return;
    const end = sessionEnd(fault);
    if (end) {
      this.#host.sessionEnded(end);
      return;
    }
    if (this.#failures === 0) this.#successesBefore = this.#host.unarySuccesses();
    this.#failures += 1;
    if (this.#fallback || this.#isImpossible(stream, fault)) this.#doWithout();
    else {
      this.#host.probe();
      const pauseMs = backoffMs(this.#failures, this.#host.random);
      this.#timer = this.#host.clock.after(pauseMs, () => this.#open());
    }
  }

  #open(): void {
    const stream = this.#host.attach(this);
    this.#stream = stream;
    this.#timer = this.#host.clock.after(ATTACH_OPEN_TIMEOUT_MS, () => {
      stream.close();
      const late = `Attach was not accepted within ${ATTACH_OPEN_TIMEOUT_MS} ms`;
      this.ended(stream, transportFault(late));
    });
    // While the client does without, requests change over only once the stream is accepted.
    if (!this.#fallback) this.#host.use(stream);
  }

  #isImpossible(stream: AttachStream, { code, reason, message }: Fault): boolean {
    // Somebody else acts for this session; fighting over the stream would help neither.
    if (reason === ErrorReason.ATTACH_SUPERSEDED) return true;
    if (stream.opened) return false;
    if (code === Code.Unimplemented) return true;
    // What a server answers to a bidirectional stream over HTTP/1.1.
    if (reason === undefined && /\bHTTP 505\b/.test(message)) return true;
    const unaryWorks = this.#host.unarySuccesses() > this.#successesBefore;
    return this.#failures >= ATTACH_FAILURES_MAX && unaryWorks;
  }

  #doWithout(): void {
    if (!this.#fallback) {
      this.#fallback = true;
      this.#host.use("unary");
    }
    this.#timer = this.#host.clock.after(ATTACH_PROBE_INTERVAL_MS, () => this.#open());
  }
}
