import type { GetSessionResponse, Granted, SessionHold, SessionTicket } from "@lockstep/protocol";
import type { CallKind } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import type { RequestIds } from "../session/request-ids.ts";
import { cancelErrand } from "./cancel-errand.ts";
import type { Hold } from "./hold.ts";
import type { ReleaseRequested } from "./lock.ts";
import { modeNameOf } from "./modes.ts";

/** What acting on a list asks of the session. */
export interface ListingHost {
  readonly ids: RequestIds;
  submit<K extends CallKind>(errand: Errand<K>): () => void;
  /** A hold that a handle believes in. */
  hold(holdId: bigint): Hold | undefined;
  /** Whether a request has no outcome yet. */
  isUnderWay(requestId: bigint): boolean;
  /** How many grants of a hold somebody here accounts for. */
  accounted(hold: Hold, owner: string): number;
  /** Gives back a grant nobody wants. */
  giveBack(granted: Pick<Granted, "holdId" | "token">): void;
  /** The same under the token of the list, whatever the handles show: the server may never have heard of theirs. */
  giveBackAsListed(listed: Pick<Granted, "holdId" | "token">): void;
  /** Somebody asks that a hold be released. */
  asked(holdId: bigint, asked: ReleaseRequested): void;
}

/**
 * Acts on what a complete list names and nobody here knows: grants are given back, waits taken back. What is known
 * takes over what the list says of it. Returns the holds that are not any more what their handles believe.
 */
export function reconcile(
  host: ListingHost,
  { header, holds, tickets }: GetSessionResponse,
): Hold[] {
  const revision = header?.revision ?? 0n;
  const broken: Hold[] = [];
  for (const listed of holds) {
    const hold = host.hold(listed.holdId);
    if (!hold) giveBackUnknown(host, listed);
    else if (hold.adopt(listed, revision)) count(host, hold, listed, revision);
    else {
      broken.push(hold);
      giveBackAll(host, listed);
    }
  }
  for (const ticket of tickets) {
    if (!host.isUnderWay(ticket.requestId)) takeBack(host, ticket);
  }
  return broken;
}

/** Tells the application what the list says is asked of it. Runs its code. */
export function tellAsked(host: ListingHost, { holds }: GetSessionResponse): void {
  for (const { holdId, releaseAsked } of holds) {
    if (!releaseAsked) continue;
    const { actor, reason, askedAtMs, revision } = releaseAsked;
    host.asked(holdId, { actor, reason, askedAtMs: Number(askedAtMs), revision });
  }
}

function giveBackUnknown(host: ListingHost, { holdId, token, requestIds, count }: SessionHold) {
  // A reply that is still on its way brings it.
  if (requestIds.some((id) => host.isUnderWay(id))) return;
  giveBackAll(host, { holdId, token, count });
}

function giveBackAll(host: ListingHost, listed: Pick<SessionHold, "holdId" | "token" | "count">) {
  const { holdId, token, count } = listed;
  for (let grant = 0; grant < Math.max(1, count); grant++) host.giveBackAsListed({ holdId, token });
}

function count(host: ListingHost, hold: Hold, listed: SessionHold, revision: bigint): void {
  if (revision <= hold.countedAt) return;
  hold.countedAt = revision;
  const held = [...hold.handles].filter(({ isHeld }) => isHeld);
  hold.uncounted = Math.max(0, held.length - listed.count);
  if (listed.count <= hold.handles.size) return;
  const surplus = listed.count - host.accounted(hold, listed.owner);
  for (let grant = 0; grant < surplus; grant++) host.giveBack(hold);
}

function takeBack(host: ListingHost, { requestId, holdId, targets }: SessionTicket): void {
  host.submit(
    cancelErrand(host.ids, requestId, "", (granted, revision) => {
      if (!granted) return;
      if (holdId === 0n) {
        host.giveBack(granted);
        return;
      }
      // It was a conversion: the hold goes on, in another mode.
      const [target] = targets;
      const mode = target && modeNameOf(target.mode);
      const hold = host.hold(holdId);
      if (hold && mode) hold.converted(target.key, mode, granted.token, revision);
    }),
  );
}
