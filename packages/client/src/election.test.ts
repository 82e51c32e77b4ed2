import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Event,
  EventSchema,
  GetLockResponseSchema,
  type LockHolderSchema,
  LockMode,
} from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { type Leader, leadersOf } from "./election.ts";
import { LockLostError, RequestError } from "./errors.ts";
import { outcomeOf, world } from "./testing-support/world.ts";

const KEY = "leader";
const bytes = (text: string) => new TextEncoder().encode(text);
const exclusive = [{ key: KEY, mode: LockMode.EXCLUSIVE }];

type Body = NonNullable<MessageInitShape<typeof EventSchema>["body"]>;
type Holder = MessageInitShape<typeof LockHolderSchema>;

function happened(revision: bigint, body: Body): Event {
  return create(EventSchema, { revision, body });
}

const granted = (token: bigint, value: string, targets = exclusive) =>
  happened(token, {
    case: "lockGranted",
    value: { holdId: token, token, sessionId: 3n, targets, terms: { value: bytes(value) } },
  });

/** Who leads, by a history that is told in parts: each part ends as an error does, the last one in good order. */
async function told(
  holders: readonly Holder[],
  ...parts: readonly (readonly (Event | Error)[])[]
): Promise<{ leaders: (Leader | null)[]; after: bigint[] }> {
  const after: bigint[] = [];
  const left = [...parts];
  const client = {
    getLock: async () =>
      create(GetLockResponseSchema, {
        header: { revision: 100n + BigInt(parts.length - left.length) },
        lock: { key: KEY, holders: [...holders] },
      }),
    watch: async function* ({ keys = [], afterRevision = 0n } = {}) {
      expect(keys).toEqual([KEY]);
      after.push(afterRevision);
      for (const one of left.shift() ?? []) {
        if (one instanceof Error) throw one;
        yield one;
      }
    },
  };
  const leaders: (Leader | null)[] = [];
  for await (const leader of leadersOf(client as never, KEY, undefined)) leaders.push(leader);
  return { leaders, after };
}

const holder: Holder = { mode: LockMode.EXCLUSIVE, holdId: 50n, token: 50n, sessionId: 2n };
const texts = (leaders: readonly (Leader | null)[]) => leaders.map((one) => one?.text ?? null);

describe("who leads", () => {
  test("is told at once, then with every change", async () => {
    const { leaders, after } = await told(
      [{ ...holder, value: bytes("first") }],
      [
        happened(110n, { case: "holdValueSet", value: { holdId: 50n, value: bytes("moved") } }),
        happened(111n, { case: "lockReleased", value: { holdId: 50n, token: 50n } }),
        granted(112n, "second"),
        happened(113n, { case: "lockLost", value: { holdId: 112n, token: 112n } }),
        granted(114n, "third"),
        happened(115n, { case: "holdTransferred", value: { holdId: 114n, token: 114n } }),
        granted(116n, "fourth"),
      ],
    );
    expect(texts(leaders)).toEqual([
      "first",
      "moved",
      null,
      "second",
      null,
      "third",
      null,
      "fourth",
    ]);
    expect(leaders[3]).toMatchObject({ token: 112n, holdId: 112n, sessionId: 3n });
    expect(after).toEqual([100n]);
  });

  test("is nobody while nobody holds the key alone", async () => {
    const shared = { ...holder, mode: LockMode.SHARED };
    const readers = [{ key: KEY, mode: LockMode.SHARED }];
    const { leaders } = await told(
      [shared],
      [
        granted(110n, "reader", readers),
        happened(111n, { case: "lockReleased", value: { holdId: 110n, token: 110n } }),
        happened(112n, { case: "ticketEnded", value: {} }),
      ],
    );
    expect(leaders).toEqual([null]);
  });

  test("changes with the mode of a hold", async () => {
    const converted = (revision: bigint, mode: LockMode) =>
      happened(revision, {
        case: "holdConverted",
        value: { holdId: 50n, token: revision, sessionId: 2n, target: { key: KEY, mode } },
      });
    const { leaders } = await told(
      [holder],
      [converted(110n, LockMode.SHARED), converted(111n, LockMode.EXCLUSIVE)],
    );
    expect(leaders.map((one) => one?.token ?? null)).toEqual([50n, null, 111n]);
  });

  test("starts over when the history that was missed is not kept any more", async () => {
    const compacted = new RequestError("OUT_OF_RANGE", "REVISION_COMPACTED", "start over");
    const { leaders, after } = await told([holder], [compacted], [granted(112n, "second")]);
    expect(leaders.map((one) => one?.token ?? null)).toEqual([50n, 50n, 112n]);
    expect(after).toEqual([100n, 101n]);
  });

  test("ends with any other refusal", async () => {
    const refused = new RequestError("PERMISSION_DENIED", "NOT_PERMITTED", "no");
    await expect(told([holder], [refused])).rejects.toBe(refused);
  });
});

describe("a campaign", () => {
  test("is won by one at a time, and resigned to the next in line", async () => {
    const { clock, server, client, another } = world();
    const first = outcomeOf(client.campaign(KEY, { value: "one" }));
    await clock.settle();
    const second = outcomeOf(another().campaign(KEY, { value: "two" }));
    await clock.settle();
    expect(second.settled).toBe(false);
    await Promise.all([first.value?.proclaim("uno"), clock.settle()]);
    const [session] = server.state.sessions.values();
    expect(session?.holds[0]?.value).toEqual(bytes("uno"));
    await Promise.all([first.value?.resign(), clock.settle()]);
    expect(second.value?.lock.state).toBe("HELD");
    expect(second.value?.lock.token).toBeGreaterThan(first.value?.lock.token ?? 0n);
    expect(first.value?.signal.aborted).toBe(false);
    await Promise.all([second.value?.[Symbol.asyncDispose](), clock.settle()]);
    expect(second.value?.lock.state).toBe("RELEASED");
  });

  test("that was won says when leadership is lost", async () => {
    const { clock, server, client } = world();
    const winning = outcomeOf(client.campaign(KEY));
    await clock.advance(0);
    server.push(server.state.forceRelease(server.session, KEY));
    await clock.settle();
    expect(winning.value?.signal.reason).toBeInstanceOf(LockLostError);
    expect(await winning.value?.lost).toMatchObject({ reason: "FORCE_RELEASED" });
  });

  test("can be observed", async () => {
    const { clock, client } = world();
    const leaders: (Leader | null)[] = [];
    const ended = outcomeOf(
      (async () => {
        for await (const leader of client.observeLeader(KEY)) leaders.push(leader);
      })(),
    );
    await clock.settle();
    expect(leaders).toEqual([null]);
    void client.close();
    await clock.advance(10_000);
    expect(ended).toEqual({ settled: true, value: undefined });
  });
});
