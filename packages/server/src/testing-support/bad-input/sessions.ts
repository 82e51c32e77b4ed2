import { ServerService, SessionService } from "@lockstep/protocol";
import { secretOf } from "../test-server.ts";
import { above, type BadInput, badInputs, entries, long, session } from "./rows.ts";

const { openSession, keepAlive, closeSession, getSession, listSessions } = SessionService.method;
const namespace = "default";

/** What a client may say of itself, wrongly. */
export const badMetadata = [
  ["metadata", "too many entries", { metadata: entries(17) }],
  ["metadata.key", "empty", { metadata: { "": "a" } }],
  ["metadata.key", "too long", { metadata: { ["x".repeat(129)]: "a" } }],
  ["metadata.value", "too long", { metadata: { a: long } }],
  ["metadata.value", "with a control character", { metadata: { a: "\u0000" } }],
] as const;

/** Bad requests of the SessionService and the ServerService. */
export const sessionInputs: readonly BadInput[] = [
  ...badInputs(openSession, { namespace, secret: secretOf(1) }, [
    ["secret", "empty", { secret: new Uint8Array() }],
    ["secret", "too short", { secret: new Uint8Array(31) }],
    ["secret", "too long", { secret: new Uint8Array(33) }],
    ["ttl_ms", "too short", { ttlMs: 1_999n }],
    ["ttl_ms", "too long", { ttlMs: 3_600_001n }],
    ["ttl_ms", "negative", { ttlMs: -1n }],
    ["display_name", "too long", { displayName: long }],
    ["display_name", "with a control character", { displayName: "a\nb" }],
    ...badMetadata,
  ]),
  ...badInputs(keepAlive, { session }, [
    ["seq", "above 2^63", { seq: above }],
    ["seen_revision", "above 2^63", { seenRevision: above }],
  ]),
  ...badInputs(closeSession, { session, requestId: 1n }, []),
  ...badInputs(getSession, { session }, []),
  ...badInputs(listSessions, { namespace }, []),
  {
    method: ServerService.method.getServerInfo,
    field: "namespace",
    what: "too long",
    request: { namespace: long },
  },
];
