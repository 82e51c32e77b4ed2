import { create } from "@bufbuild/protobuf";
import {
  type Event,
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from "@lockstep/protocol";
import { revisionAhead } from "../../executor/history.ts";
import type { Namespace } from "../../executor/namespace.ts";
import type { RpcEnvironment } from "../environment.ts";
import { serverStopping } from "../errors.ts";
import type { Call } from "../guard/call.ts";
import { namespaceOf } from "../namespaces.ts";
import { pause } from "../pause.ts";
import { unlessAborted } from "../settle.ts";
import { checkWatch } from "../validate/events.ts";
import { type Chosen, chosenBy } from "./event-filter.ts";
import { readChosen } from "./read-chosen.ts";
import type { RecentEvents } from "./recent-events.ts";
import type { Watches } from "./watches.ts";

/** How long a watch is silent at most: then it sends a bookmark. */
const BOOKMARK_AFTER_MS = 5_000;
// A watch whose client does not read keeps one message, so this times max_watches is what all may keep.
const PAGE = { maxRecords: 64, maxBytes: 64 * 1024 };

/**
 * Streams the chosen events by rising revision, without gap or repetition. The first message comes at
 * once, a bookmark when there is nothing to tell. It reads when the last message has left, so a slow
 * reader costs the server a cursor.
 */
export async function* watch(
  request: WatchRequest,
  call: Call,
  environment: RpcEnvironment,
  watches: Watches,
): AsyncGenerator<WatchResponse> {
  let close: (() => void) | undefined;
  try {
    checkWatch(request);
    const namespace = namespaceOf(environment, request.namespace);
    const opened = watches.open(request.namespace, namespace, call.principal);
    close = opened.close;
    call.bytes.release();
    const { revision: head } = await unlessAborted(namespace.barrier(), call.signal);
    const after = request.afterRevision ?? head;
    if (after > head) throw revisionAhead(after, head);
    const chosen = chosenBy(request.filter);
    yield* follow({ namespace, recent: opened.recent, chosen, after, call, environment });
  } catch (error) {
    throw call.errorFrom(error);
  } finally {
    call.ending();
    close?.();
  }
}

/** Everything a watch follows events with. */
interface Following {
  readonly namespace: Namespace;
  readonly recent: RecentEvents;
  readonly chosen: Chosen;
  readonly after: bigint;
  readonly call: Call;
  readonly environment: RpcEnvironment;
}

async function* follow(following: Following): AsyncGenerator<WatchResponse> {
  const { namespace, recent, chosen, call, environment } = following;
  const { clock, stopping } = environment;
  let cursor = following.after;
  let silentSinceMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    call.signal.throwIfAborted();
    const page = recent.covers(cursor)
      ? recent.read(cursor, chosen.matches, PAGE.maxRecords)
      : await readChosen(namespace, cursor, PAGE, chosen);
    cursor = page.scannedTo;
    if (stopping.aborted) {
      yield response(namespace, cursor, page.events);
      throw serverStopping();
    }
    const silentForMs = clock.monotonicMs() - silentSinceMs;
    if (page.events.length > 0 || silentForMs >= BOOKMARK_AFTER_MS) {
      silentSinceMs = clock.monotonicMs();
      yield response(namespace, cursor, page.events);
    } else if (!page.more && recent.covers(cursor) && recent.isHead(cursor)) {
      await somethingToTell(following, BOOKMARK_AFTER_MS - silentForMs);
    }
  }
}

/** Waits for a chosen event, the time of a bookmark, the end of the call or of the server. */
function somethingToTell(
  { recent, chosen, call, environment }: Following,
  bookmarkInMs: number,
): Promise<void> {
  const { clock, stopping } = environment;
  return pause(clock, bookmarkInMs, [call.signal, stopping], (wake) =>
    recent.wait({ matches: chosen.matches, wake }),
  );
}

/** `revision` is the bookmark: every chosen event up to it has been sent. */
function response(namespace: Namespace, revision: bigint, events: readonly Event[]): WatchResponse {
  return create(WatchResponseSchema, {
    header: { ...namespace.header(), revision },
    events: [...events],
  });
}
