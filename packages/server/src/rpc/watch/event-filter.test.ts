import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Event, EventFilterSchema, EventSchema, LockMode } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { chosenBy } from "./event-filter.ts";

type Body = MessageInitShape<typeof EventSchema>["body"];

const targets = [{ key: "a", mode: LockMode.EXCLUSIVE }];
const target = targets[0];

function eventOf(body: Body, more: object = {}): Event {
  return create(EventSchema, { revision: 1n, ...(body && { body }), ...more });
}

function chooses(filter: MessageInitShape<typeof EventFilterSchema>, event: Event): boolean {
  return chosenBy(create(EventFilterSchema, filter)).matches(event);
}

const ofKeys: Body[] = [
  { case: "lockQueued", value: { targets, sessionId: 7n } },
  { case: "lockGranted", value: { targets, sessionId: 7n } },
  { case: "ticketEnded", value: { targets, sessionId: 7n } },
  { case: "lockReleased", value: { targets, sessionId: 7n } },
  { case: "lockLost", value: { targets, sessionId: 7n } },
  { case: "delayEnded", value: { targets } },
  { case: "holdCountChanged", value: { targets, sessionId: 7n } },
  { case: "convertQueued", value: { target, sessionId: 7n } },
  { case: "holdConverted", value: { target, sessionId: 7n } },
  { case: "holdTransferred", value: { targets, sessionId: 7n, toSessionId: 8n } },
  { case: "holdValueSet", value: { targets, sessionId: 7n } },
  { case: "releaseRequested", value: { targets, sessionId: 7n } },
  { case: "keyQuarantineCleared", value: { key: "a" } },
];

const ofNoKey: Body[] = [
  { case: "epochStarted", value: {} },
  { case: "sessionOpened", value: { sessionId: 7n } },
  { case: "sessionEnded", value: { sessionId: 7n } },
  { case: "sessionForgotten", value: { sessionId: 7n } },
  { case: "acquireRefused", value: { sessionId: 7n } },
  { case: "servedTimeAdvanced", value: {} },
  { case: "identityQuarantined", value: {} },
  { case: "identityQuarantineCleared", value: {} },
  { case: "policyChanged", value: { keyPrefix: "a" } },
  { case: "namespaceConfigured", value: {} },
];

const ofDatasets: Body[] = [
  { case: "datasetCreated", value: { dataset: "a" } },
  { case: "datasetUpdated", value: { dataset: "a" } },
  { case: "datasetDeleted", value: { dataset: "a" } },
  { case: "appended", value: { dataset: "a" } },
  { case: "datasetCheckpointed", value: { dataset: "a" } },
  { case: "logTrimmed", value: { dataset: "a" } },
  { case: "replicaRegistered", value: { dataset: "a" } },
  { case: "replicaUnregistered", value: { dataset: "a" } },
  { case: "replicaStateChanged", value: { dataset: "a" } },
  { case: "driftReported", value: { dataset: "a" } },
];

const all = [...ofKeys, ...ofNoKey, ...ofDatasets].map((body) => ({ kind: body?.case, body }));

describe("a filter", () => {
  test("without a condition chooses everything", () => {
    for (const { body } of all) expect(chooses({}, eventOf(body))).toBe(true);
    expect(chosenBy(undefined).byIndexAlone).toBe(true);
  });

  test("knows every event there is", () => {
    const kinds = EventSchema.oneofs.flatMap(({ fields }) =>
      fields.map((field) => field.localName),
    );
    expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(kinds));
  });

  test.each(all)(
    "by key and by prefix chooses $kind when it names such a key [LOCK-159]",
    ({ body }) => {
      const event = eventOf(body);
      const named = ofKeys.includes(body);
      expect(chooses({ keys: ["b", "a"] }, event)).toBe(named);
      expect(chooses({ keyPrefix: "a" }, event)).toBe(named);
      expect(chooses({ keys: ["b"] }, event)).toBe(false);
      expect(chooses({ keyPrefix: "ab" }, event)).toBe(false);
    },
  );

  test.each(all)("by session chooses $kind when it names that session [LOCK-159]", ({ body }) => {
    const event = eventOf(body);
    const named = body?.value !== undefined && "sessionId" in body.value;
    expect(chooses({ sessionId: 7n }, event)).toBe(named);
    expect(chooses({ sessionId: 8n }, event)).toBe(body?.case === "holdTransferred");
    expect(chooses({ sessionId: 9n }, event)).toBe(false);
  });

  test.each(all)("by dataset chooses $kind when it names that dataset [DATA-27]", ({ body }) => {
    const event = eventOf(body);
    expect(chooses({ dataset: "a" }, event)).toBe(ofDatasets.includes(body));
    expect(chooses({ dataset: "b" }, event)).toBe(false);
  });

  test("by actor, and by time from the first moment to before the last [LOCK-159]", () => {
    const event = eventOf(ofNoKey[0], { actor: "me", decidedAtMs: 10n });
    expect(chooses({ actor: "me" }, event)).toBe(true);
    expect(chooses({ actor: "m" }, event)).toBe(false);
    expect(chooses({ fromAtMs: 10n, untilAtMs: 11n }, event)).toBe(true);
    expect(chooses({ fromAtMs: 11n }, event)).toBe(false);
    expect(chooses({ untilAtMs: 10n }, event)).toBe(false);
  });

  test("chooses what all its conditions choose, and asks the journal for the keys alone [LOCK-159]", () => {
    const event = eventOf(ofKeys[0], { actor: "me" });
    const filter = create(EventFilterSchema, { keys: ["a"], sessionId: 7n, actor: "me" });
    const chosen = chosenBy(filter);
    expect(chosen.matches(event)).toBe(true);
    expect(chosen.byIndexAlone).toBe(false);
    expect(chosen.inJournal).toEqual({ kind: "keys", keys: ["a"] });
    expect(chooses({ keys: ["a"], sessionId: 7n, actor: "you" }, event)).toBe(false);
    expect(chooses({ keys: ["b"], sessionId: 7n, actor: "me" }, event)).toBe(false);
  });
});
