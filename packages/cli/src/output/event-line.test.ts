import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { EventSchema, LockMode, LossReason, TicketEnd } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { eventLine } from "./event-line.ts";

const targets = [{ key: "orders", mode: LockMode.EXCLUSIVE }];

function lineOf(body: MessageInitShape<typeof EventSchema>["body"], more = {}): string {
  const event = { revision: 42n, decidedAtMs: 1_700_000_000_000n, ...(body && { body }), ...more };
  const line = eventLine(create(EventSchema, event));
  const start = "    42 2023-11-14T22:13:20.000Z ";
  expect(line.startsWith(start)).toBe(true);
  return line.slice(start.length);
}

type Body = Exclude<MessageInitShape<typeof EventSchema>["body"], undefined>;

const shared = [
  { key: "a", mode: LockMode.SHARED },
  { key: "b", mode: LockMode.SHARED },
];
const mixed = [...targets, { key: "pool", mode: LockMode.PERMITS, permits: 3 }];
const held = { targets, token: 9n, sessionId: 5n };
const blockers = [
  { sessionId: 5n, key: "a" },
  { sessionId: 6n, key: "b" },
];

const replica = { dataset: "users", replica: "a", generation: 6n };

const told: [Body, string][] = [
  [
    { case: "epochStarted", value: { epoch: 3n, cause: 2, serverVersion: "1.0.0" } },
    "epoch started        epoch=3 cause=RECOVERED version=1.0.0",
  ],
  [
    { case: "sessionOpened", value: { sessionId: 5n, ttlMs: 15_000n, displayName: "a b" } },
    'session opened       session=5 ttl=15s name="a b"',
  ],
  [
    { case: "sessionEnded", value: { sessionId: 5n, state: 2 } },
    "session ended        session=5 state=EXPIRED",
  ],
  [{ case: "sessionForgotten", value: { sessionId: 5n } }, "session forgotten    session=5"],
  [
    { case: "lockQueued", value: { targets, ticketId: 7n, sessionId: 5n, waitMs: 1_500n } },
    "lock queued          key=orders ticket=7 session=5 wait=1500ms",
  ],
  [
    { case: "lockGranted", value: { targets, token: 42n, sessionId: 5n, owner: "job" } },
    "lock granted         key=orders token=42 session=5 owner=job",
  ],
  [
    {
      case: "lockGranted",
      value: {
        targets: mixed,
        token: 42n,
        sessionId: 5n,
        ticketId: 7n,
        transferredFrom: 8n,
        terms: { maxHoldMs: 60_000n },
      },
    },
    "lock granted         key=orders,pool mode=EXCLUSIVE,PERMITS(3) token=42 session=5 ticket=7 from=8 max=1m",
  ],
  [
    { case: "ticketEnded", value: { targets, ticketId: 7n, sessionId: 5n, end: 1, blockers } },
    "ticket ended         key=orders ticket=7 session=5 end=WAIT_TIMED_OUT blockers=5(a),6(b)",
  ],
  [
    {
      case: "ticketEnded",
      value: {
        targets: shared,
        ticketId: 7n,
        sessionId: 5n,
        end: TicketEnd.DEADLOCK_VICTIM,
        cycle: blockers,
      },
    },
    "ticket ended         key=a,b mode=SHARED ticket=7 session=5 end=DEADLOCK_VICTIM cycle=5(a),6(b)",
  ],
  [
    { case: "acquireRefused", value: { sessionId: 5n, acquireRequestId: 4n } },
    "acquire refused      session=5 request=4",
  ],
  [{ case: "lockReleased", value: held }, "lock released        key=orders token=9 session=5"],
  [
    { case: "lockLost", value: { ...held, reason: LossReason.FORCE_RELEASED, delayed: true } },
    "lock lost            key=orders token=9 session=5 reason=FORCE_RELEASED delayed=yes",
  ],
  [
    {
      case: "lockLost",
      value: {
        ...held,
        reason: LossReason.MAX_HOLD,
        lockDelayMs: 5_000n,
        quarantined: true,
        immediate: true,
      },
    },
    "lock lost            key=orders token=9 session=5 reason=MAX_HOLD delay=5s quarantined=yes immediate=yes",
  ],
  [
    { case: "delayEnded", value: { targets, holdId: 9n, cause: 1 } },
    "delay ended          key=orders hold=9 cause=CONFIRMED",
  ],
  [{ case: "servedTimeAdvanced", value: { servedMs: 10_000n } }, "served time advanced served=10s"],
  [
    { case: "holdCountChanged", value: { targets, holdId: 9n, sessionId: 5n, count: 2 } },
    "hold count changed   key=orders hold=9 session=5 count=2",
  ],
  [
    {
      case: "convertQueued",
      value: { target: targets[0], ticketId: 7n, sessionId: 5n, holdId: 9n, waitMs: 0n },
    },
    "convert queued       key=orders ticket=7 session=5 hold=9 wait=0s",
  ],
  [
    { case: "holdConverted", value: { target: shared[0], holdId: 9n, token: 42n, sessionId: 5n } },
    "hold converted       key=a mode=SHARED hold=9 token=42 session=5",
  ],
  [
    { case: "holdTransferred", value: { ...held, toSessionId: 6n } },
    "hold transferred     key=orders token=9 session=5 to=6",
  ],
  [
    {
      case: "holdValueSet",
      value: { targets, holdId: 9n, sessionId: 5n, value: new TextEncoder().encode("a\n") },
    },
    "hold value set       key=orders hold=9 session=5 value=a\\u{a}",
  ],
  [{ case: "releaseRequested", value: held }, "release requested    key=orders token=9 session=5"],
  [
    { case: "keyQuarantineCleared", value: { key: "orders", quarantineRevision: 8n } },
    "key quarantine cleared key=orders quarantine=8",
  ],
  [
    { case: "identityQuarantined", value: { principal: "10.0.0.1", automatic: true } },
    "identity quarantined principal=10.0.0.1 automatic=yes",
  ],
  [
    { case: "identityQuarantineCleared", value: { principal: "10.0.0.1", quarantineRevision: 8n } },
    "identity quarantine cleared principal=10.0.0.1 quarantine=8",
  ],
  [
    { case: "policyChanged", value: { keyPrefix: "a/", version: 2n, policy: { permits: 3 } } },
    'policy changed       prefix=a/ version=2 policy="permits 3"',
  ],
  [
    { case: "policyChanged", value: { keyPrefix: "a/", version: 3n } },
    "policy changed       prefix=a/ version=3 policy=removed",
  ],
  [
    {
      case: "namespaceConfigured",
      value: {
        settings: { ordering: 2, quarantineAfterLosses: 3, quarantineWindowMs: 60_000n },
        version: 1n,
      },
    },
    'namespace configured version=1 settings="ordering ascending, quarantine after 3 losses within 1m"',
  ],
  [
    { case: "datasetCreated", value: { dataset: "users", datasetId: 5n } },
    "dataset created      dataset=users id=5",
  ],
  [
    { case: "datasetUpdated", value: { dataset: "users", datasetId: 5n, version: 2n, seq: 7n } },
    "dataset updated      dataset=users version=2 seq=7",
  ],
  [
    { case: "datasetDeleted", value: { dataset: "users", datasetId: 5n } },
    "dataset deleted      dataset=users id=5",
  ],
  [
    { case: "appended", value: { dataset: "users", firstSeq: 8n, lastSeq: 8n } },
    "appended             dataset=users seq=8",
  ],
  [
    { case: "appended", value: { dataset: "users", firstSeq: 9n, lastSeq: 12n } },
    "appended             dataset=users seq=9-12",
  ],
  [
    {
      case: "datasetCheckpointed",
      value: {
        dataset: "users",
        checkpoint: { seq: 12n, count: 3n, root: Uint8Array.of(0xab, 1) },
      },
    },
    "dataset checkpointed dataset=users seq=12 count=3 root=ab01",
  ],
  [
    { case: "logTrimmed", value: { dataset: "users", floor: { seq: 12n } } },
    "log trimmed          dataset=users floor=12",
  ],
  [
    { case: "replicaRegistered", value: replica },
    "replica registered   dataset=users replica=a generation=6",
  ],
  [
    { case: "replicaUnregistered", value: replica },
    "replica unregistered dataset=users replica=a generation=6",
  ],
  [
    { case: "replicaStateChanged", value: { ...replica, state: 2, appliedSeq: 9n } },
    "replica state changed dataset=users replica=a generation=6 state=DEGRADED applied=9",
  ],
  [
    {
      case: "driftReported",
      value: { ...replica, report: { missing: 1n, divergent: 2n, action: 2 } },
    },
    "drift reported       dataset=users replica=a generation=6 missing=1 extra=0 divergent=2 action=REPAIRED",
  ],
];

test("every event there is has a line below", () => {
  const kinds = EventSchema.oneofs.flatMap(({ fields }) => fields.map((field) => field.localName));
  expect(new Set(told.map(([body]) => body.case))).toEqual(new Set(kinds));
});

test.each(told.map(([body, line]) => ({ kind: body.case, body, line })))(
  "an event $kind is one line",
  ({ body, line }) => {
    expect(lineOf(body)).toBe(line);
  },
);

test("who, the correlation id and the reason are told with every event", () => {
  const more = { actor: "127.0.0.1", correlationId: "job-1", reason: 'stuck "again"' };
  expect(lineOf({ case: "lockReleased", value: { targets, token: 9n, sessionId: 5n } }, more)).toBe(
    'lock released        key=orders token=9 session=5 by=127.0.0.1 correlation=job-1 because="stuck \\"again\\""',
  );
});

test("an event of a newer server, and a reason it alone knows, are told as unknown", () => {
  expect(lineOf(undefined)).toBe("unknown event");
  expect(lineOf({ case: "sessionEnded", value: { sessionId: 5n, state: 99 as never } })).toBe(
    'session ended        session=5 state="unknown (99)"',
  );
});
