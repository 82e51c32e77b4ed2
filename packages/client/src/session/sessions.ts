import type { Transport } from "@connectrpc/connect";
import type { Activity } from "../activity.ts";
import type { OpenAttach } from "../attach/open-attach.ts";
import type { AttachStream } from "../attach/stream.ts";
import { ClientClosedError, ServerUnreachableError } from "../errors.ts";
import { Opener, type OpenParts } from "./opener.ts";
import { Session } from "./session.ts";

/** What the sessions of a client are made of. */
export interface SessionsParts extends OpenParts {
  readonly transport: Transport;
  readonly activity: Activity;
  readonly openAttach: OpenAttach | undefined;
  readonly address: string;
  readonly connectTimeoutMs: number;
}

interface Opening {
  readonly opener: Opener;
  readonly session: Promise<Session>;
  waiters: number;
}

/** The one session a client has at a time. When it is lost, the next call that needs one opens another. */
export class Sessions {
  readonly #parts: SessionsParts;
  readonly #closed = new AbortController();
  #current: Session | undefined;
  #opening: Opening | undefined;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  /** The Attach of the session, where there is one and the server has accepted it. */
  get openStream(): AttachStream | undefined {
    return this.#current?.openStream();
  }

  /** The open session, if there is one. Looks at the clock. */
  get open(): Session | undefined {
    const session = this.#current;
    return session && !session.over && !this.#closed.signal.aborted ? session : undefined;
  }

  /**
   * The open session; opens one if there is none.
   * @throws ServerUnreachableError when no server answers in time; the signal's reason; ClientClosedError; RequestError
   */
  async get(signal: AbortSignal | undefined): Promise<Session> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#closed.signal.aborted) throw new ClientClosedError();
      const session = this.#current ?? (await this.#opened(signal));
      if (!session.over) return session;
    }
  }

  /** Ends the session; no other is opened any more. Never rejects. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#opening?.opener.stop();
    await this.#current?.close();
  }

  async #opened(signal: AbortSignal | undefined): Promise<Session> {
    this.#opening ??= this.#open();
    const opening = this.#opening;
    opening.waiters += 1;
    try {
      return await this.#within(opening, signal);
    } finally {
      opening.waiters -= 1;
      if (opening.waiters === 0 && this.#opening === opening) {
        this.#opening = undefined;
        opening.opener.stop();
      }
    }
  }

  #open(): Opening {
    const opener = new Opener(this.#parts);
    const session = opener.open().then((opened) => {
      const { epochs } = this.#parts;
      epochs.bind();
      const started = new Session({
        ...this.#parts,
        ...opened,
        onOver: (over) => {
          if (this.#current === over) this.#current = undefined;
        },
      });
      this.#current = started;
      this.#opening = undefined;
      started.start();
      return started;
    });
    // Whoever waits hears of a failure; when nobody does any more it is nobody's.
    session.catch(() => {});
    return { opener, session, waiters: 0 };
  }

  /** Waits for the opening, but no longer than its caller wants to. */
  #within(opening: Opening, signal: AbortSignal | undefined): Promise<Session> {
    const { clock, connectTimeoutMs, address, activity } = this.#parts;
    const closed = this.#closed.signal;
    return new Promise<Session>((resolve, reject) => {
      const onAbort = () => end(() => reject(signal?.reason));
      const onClosed = () => end(() => reject(new ClientClosedError()));
      const timer = clock.after(connectTimeoutMs, () => {
        const cause = opening.opener.lastError;
        end(() => reject(new ServerUnreachableError(address, { cause })));
      });
      const idle = activity.begin();
      const end = (tell: () => void) => {
        idle();
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
        closed.removeEventListener("abort", onClosed);
        tell();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      closed.addEventListener("abort", onClosed, { once: true });
      opening.session.then(
        (session) => end(() => resolve(session)),
        (error: unknown) => end(() => reject(error)),
      );
    });
  }
}
