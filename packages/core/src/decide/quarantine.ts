import { compareNames, type ListQuarantinesResponse } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { limitExceeded } from "../refusal.ts";
import type { KeyRecord } from "../state/key.ts";
import type { NamespaceState } from "../state/state.ts";
import { lockView } from "../view/lock.ts";
import { identityBytes, lockBytes, PageRoom } from "../view/page-room.ts";
import { identityQuarantineView } from "../view/quarantine.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { invalidPageToken } from "./page-token.ts";
import { versionMismatch } from "./version-mismatch.ts";

const DEFAULT_PAGE_SIZE = 100;
const QUEUE_SHOWN_IN_LIST = 16;

/** Denies a principal every lock. Its sessions and holds stay. */
export function decideQuarantineIdentity(
  state: NamespaceState,
  { principal: actor, request }: Op<"quarantineIdentity">,
  now: Now,
): Decision<"quarantineIdentity"> {
  const $typeName = "lockstep.v1.QuarantineIdentityResponse";
  const { principal, reason, correlationId } = request;
  const inForce = state.quarantinedIdentities.get(principal);
  if (inForce !== undefined)
    return replyOnly({ $typeName, quarantine: identityQuarantineView(inForce) });
  const max = state.limits.max_quarantined_identities;
  if (state.quarantinedIdentities.size >= max) {
    const what = "too many principals are quarantined in this namespace: clear one";
    throw limitExceeded("max_quarantined_identities", max, what);
  }
  const draft = new Draft(state.revision, now, { actor, correlationId, reason });
  const revision = draft.next;
  draft.add({
    case: "identityQuarantined",
    value: { $typeName: "lockstep.v1.IdentityQuarantined", principal, automatic: false },
  });
  const sinceMs = now.unixMs;
  const record = { principal, revision, sinceMs, reason, automatic: false, actor };
  return replyWith(draft.events, { $typeName, quarantine: identityQuarantineView(record) });
}

/** Ends the quarantine somebody has looked at, and no later one. */
export function decideClearQuarantine(
  state: NamespaceState,
  { principal: actor, request }: Op<"clearQuarantine">,
  now: Now,
): Decision<"clearQuarantine"> {
  const { subject, expectedRevision, reason, correlationId } = request;
  const done = { $typeName: "lockstep.v1.ClearQuarantineResponse" } as const;
  const name = subject.value ?? "";
  const inForce =
    subject.case === "key"
      ? state.keys.get(name)?.quarantine
      : state.quarantinedIdentities.get(name);
  if (inForce === undefined) return replyOnly(done);
  const quarantineRevision = inForce.revision;
  if (quarantineRevision !== expectedRevision)
    throw versionMismatch(
      `the revision of the quarantine of ${JSON.stringify(name)}`,
      quarantineRevision,
    );
  const draft = new Draft(state.revision, now, { actor, correlationId, reason });
  if (subject.case === "key") {
    const $typeName = "lockstep.v1.KeyQuarantineCleared";
    draft.add({
      case: "keyQuarantineCleared",
      value: { $typeName, key: name, quarantineRevision },
    });
  } else {
    const $typeName = "lockstep.v1.IdentityQuarantineCleared";
    draft.add({
      case: "identityQuarantineCleared",
      value: { $typeName, principal: name, quarantineRevision },
    });
  }
  return replyWith(draft.events, done);
}

/** Lists principals, then keys, each in byte order. A page token tells which of both it is. */
export function decideListQuarantines(
  state: NamespaceState,
  { request }: Op<"listQuarantines">,
  now: Now,
): Decision<"listQuarantines"> {
  const size = request.pageSize || DEFAULT_PAGE_SIZE;
  const after = cursorOf(request.pageToken);
  const page: ListQuarantinesResponse = {
    $typeName: "lockstep.v1.ListQuarantinesResponse",
    identities: [],
    keys: [],
    nextPageToken: "",
  };
  const room = new PageRoom(state.limits.max_response_bytes);
  const takes = (bytes: number): boolean =>
    page.identities.length + page.keys.length < size && room.take(bytes);
  let last = request.pageToken;
  for (const principal of after.key === undefined
    ? namesAfter(state.quarantinedIdentities.keys(), after.principal)
    : []) {
    const record = state.quarantinedIdentities.get(principal);
    if (record === undefined) continue;
    const view = identityQuarantineView(record);
    if (!takes(identityBytes(view))) return replyOnly({ ...page, nextPageToken: last });
    page.identities.push(view);
    last = `${PRINCIPAL}${principal}`;
  }
  for (const key of state.quarantinedKeyOrder.from(after.key ?? "")) {
    if (key === after.key) continue;
    const view = lockView(state, state.keys.get(key) as KeyRecord, now, QUEUE_SHOWN_IN_LIST);
    if (!takes(lockBytes(view))) return replyOnly({ ...page, nextPageToken: last });
    page.keys.push(view);
    last = `${KEY}${key}`;
  }
  return replyOnly(page);
}

const PRINCIPAL = "principal/";
const KEY = "key/";

/** Where a page ended: at a principal, or at a key when all principals have been listed. */
function cursorOf(pageToken: string): { principal?: string; key?: string } {
  if (pageToken === "") return {};
  if (pageToken.startsWith(PRINCIPAL)) return { principal: pageToken.slice(PRINCIPAL.length) };
  if (pageToken.startsWith(KEY)) return { key: pageToken.slice(KEY.length) };
  throw invalidPageToken("ListQuarantines");
}

/** Of principals there are so few that a page may look at all. */
function namesAfter(names: Iterable<string>, after: string | undefined): string[] {
  const found: string[] = [];
  for (const name of names)
    if (after === undefined || compareNames(name, after) > 0) found.push(name);
  return found.sort(compareNames);
}
