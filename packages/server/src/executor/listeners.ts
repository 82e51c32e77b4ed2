import type { Event } from "@lockstep/protocol";
import { withoutJournalOnly } from "./event-codec.ts";
import type { Commit } from "./namespace.ts";

type News = Extract<Event["body"], { case: "lockLost" | "releaseRequested" | "sessionEnded" }>;

/** Those who see what has become durable: watches, and the streams of sessions. */
export class Listeners {
  readonly #commit = new Set<(commit: Commit) => void>();
  readonly #news = new Map<bigint, Set<(event: Event) => void>>();

  onCommit(listener: (commit: Commit) => void): () => void {
    // Of its own, so that the same function may listen twice.
    const entry = (commit: Commit) => listener(commit);
    this.#commit.add(entry);
    return () => this.#commit.delete(entry);
  }

  onNews(sessionId: bigint, listener: (event: Event) => void): () => void {
    const entry = (event: Event) => listener(event);
    const listeners = this.#news.get(sessionId) ?? new Set();
    this.#news.set(sessionId, listeners.add(entry));
    return () => {
      listeners.delete(entry);
      if (listeners.size === 0 && this.#news.get(sessionId) === listeners)
        this.#news.delete(sessionId);
    };
  }

  /** Tells everybody of a durable batch. */
  committed(events: readonly Event[], revision: bigint): void {
    for (const event of events) this.#tellSession(event);
    if (this.#commit.size === 0) return;
    const commit = { events: events.map(withoutJournalOnly), revision };
    for (const listener of this.#commit) listener(commit);
  }

  #tellSession(event: Event): void {
    const { body } = event;
    if (!isNews(body)) return;
    const listeners = this.#news.get(body.value.sessionId);
    if (listeners === undefined) return;
    const news = withoutJournalOnly(event);
    for (const listener of listeners) listener(news);
  }
}

/** What took a hold from a session, asked for one, or ended it. */
function isNews(body: Event["body"]): body is News {
  const { case: kind } = body;
  return kind === "lockLost" || kind === "releaseRequested" || kind === "sessionEnded";
}
