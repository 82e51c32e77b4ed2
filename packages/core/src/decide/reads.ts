import {
  compareNames,
  FenceStatus,
  type ListLocksRequest,
  type ListLocksResponse,
  type ListSessionsResponse,
  SessionState,
} from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import type { KeyRecord } from "../state/key.ts";
import type { NamespaceState } from "../state/state.ts";
import { freeLock, lockView } from "../view/lock.ts";
import { lockBytes, PageRoom, sessionBytes } from "../view/page-room.ts";
import { sessionContent, sessionView } from "../view/session.ts";
import { liveSessionOf, noteAnswered } from "./admission.ts";
import { type Decision, replyOnly } from "./decision.ts";
import { invalidPageToken } from "./page-token.ts";

const DEFAULT_PAGE_SIZE = 100;
const QUEUE_SHOWN_ALONE = 1_000;
const QUEUE_SHOWN_IN_LIST = 16;

export function decideGetSession(
  state: NamespaceState,
  { caller, request }: Op<"getSession">,
  now: Now,
): Decision<"getSession"> {
  const session = liveSessionOf(state, caller);
  noteAnswered(state, session, request.answered);
  return replyOnly({
    $typeName: "lockstep.v1.GetSessionResponse",
    session: sessionView(session, now),
    ...sessionContent(state, session, now),
  });
}

export function decideListSessions(
  state: NamespaceState,
  { request }: Op<"listSessions">,
  now: Now,
): Decision<"listSessions"> {
  const size = request.pageSize || DEFAULT_PAGE_SIZE;
  const after = request.pageToken === "" ? 0n : sessionCursor(request.pageToken);
  const page: ListSessionsResponse = {
    $typeName: "lockstep.v1.ListSessionsResponse",
    sessions: [],
    nextPageToken: "",
  };
  const room = new PageRoom(state.limits.max_response_bytes);
  // Ids rise, and a map keeps the order in which they came.
  for (const session of state.sessions.values()) {
    if (session.id <= after || (session.state !== SessionState.ACTIVE && !request.includeEnded))
      continue;
    const view = sessionView(session, now);
    if (page.sessions.length === size || !room.take(sessionBytes(view))) {
      page.nextPageToken = String(page.sessions.at(-1)?.sessionId);
      break;
    }
    page.sessions.push(view);
  }
  return replyOnly(page);
}

export function decideCheckFence(
  state: NamespaceState,
  { request }: Op<"checkFence">,
): Decision<"checkFence"> {
  const { key, token } = request;
  const current = state.keys.get(key)?.holds.some((hold) => hold.token === token) ?? false;
  const status = current
    ? FenceStatus.CURRENT
    : token > state.revision
      ? FenceStatus.UNKNOWN
      : FenceStatus.STALE;
  return replyOnly({ $typeName: "lockstep.v1.CheckFenceResponse", status });
}

export function decideGetLock(
  state: NamespaceState,
  { request }: Op<"getLock">,
  now: Now,
): Decision<"getLock"> {
  const record = state.keys.get(request.key);
  const lock =
    record === undefined ? freeLock(request.key) : lockView(state, record, now, QUEUE_SHOWN_ALONE);
  return replyOnly({ $typeName: "lockstep.v1.GetLockResponse", lock });
}

export function decideListLocks(
  state: NamespaceState,
  { request }: Op<"listLocks">,
  now: Now,
): Decision<"listLocks"> {
  const size = request.pageSize || DEFAULT_PAGE_SIZE;
  const page: ListLocksResponse = {
    $typeName: "lockstep.v1.ListLocksResponse",
    locks: [],
    nextPageToken: "",
  };
  const room = new PageRoom(state.limits.max_response_bytes);
  for (const key of keysAfter(state, request)) {
    const view = lockView(state, state.keys.get(key) as KeyRecord, now, QUEUE_SHOWN_IN_LIST);
    if (page.locks.length === size || !room.take(lockBytes(view))) {
      page.nextPageToken = page.locks.at(-1)?.key ?? "";
      break;
    }
    page.locks.push(view);
  }
  return replyOnly(page);
}

/** The keys with the prefix above the token, in byte order. */
function* keysAfter(
  { keyOrder }: NamespaceState,
  { keyPrefix, pageToken }: Pick<ListLocksRequest, "keyPrefix" | "pageToken">,
): Generator<string> {
  const lowest = compareNames(pageToken, keyPrefix) < 0 ? keyPrefix : pageToken;
  for (const key of keyOrder.from(lowest)) {
    if (!key.startsWith(keyPrefix)) return;
    if (key !== pageToken) yield key;
  }
}

function sessionCursor(pageToken: string): bigint {
  if (/^[0-9]{1,19}$/.test(pageToken)) return BigInt(pageToken);
  throw invalidPageToken("ListSessions");
}
