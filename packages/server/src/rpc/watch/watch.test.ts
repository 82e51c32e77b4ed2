import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import {
  DEFAULT_LIMITS,
  ErrorReason,
  errorDetailOf,
  LockService,
  ServerService,
  WatchRequestSchema,
  type WatchResponse,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  acquireOf,
  openSession,
  startTestServer,
  type TestServer,
  transportTo,
} from "../../testing-support/test-server.ts";
import type { RpcEnvironment } from "../environment.ts";
import { Call } from "../guard/call.ts";
import { InFlightBytes } from "../guard/in-flight-bytes.ts";
import { watch } from "./watch.ts";
import { Watches } from "./watches.ts";

let running: TestServer;
beforeEach(async () => {
  running = await startTestServer();
});
afterEach(async () => {
  for (const watching of watches.splice(0)) watching.leave.abort();
  await running.close();
});

const watches: Watching[] = [];
const namespace = "default";

/** One watch as a test drives it. */
class Watching {
  readonly leave = new AbortController();
  readonly #messages: AsyncIterator<WatchResponse>;

  constructor(request: object) {
    const client = createClient(LockService, transportTo(running.server.url));
    const stream = client.watch({ namespace, ...request }, { signal: this.leave.signal });
    this.#messages = stream[Symbol.asyncIterator]();
    watches.push(this);
  }

  async next(): Promise<WatchResponse> {
    const message = await this.#messages.next();
    if (message.done) throw new Error("the watch has ended");
    return message.value;
  }

  /** The revisions of the next `count` events. */
  async revisions(count: number): Promise<bigint[]> {
    const revisions: bigint[] = [];
    while (revisions.length < count) {
      revisions.push(...(await this.next()).events.map(({ revision }) => revision));
    }
    return revisions;
  }

  async refusal(): Promise<{ code: Code; reason: string; metadata: Record<string, string> }> {
    try {
      for (;;) await this.next();
    } catch (error) {
      const detail = errorDetailOf(error);
      return {
        code: (error as ConnectError).code,
        reason: ErrorReason[detail?.reason ?? 0] ?? "",
        metadata: detail?.metadata ?? {},
      };
    }
  }
}

/** A session that takes and releases locks. */
async function user() {
  const transport = transportTo(running.server.url);
  const session = await openSession(transport);
  const locks = createClient(LockService, transport);
  let requestId = 0n;
  return {
    async take(key: string): Promise<bigint> {
      requestId += 1n;
      const { outcome } = await locks.acquire({ ...acquireOf(key, requestId), session });
      return (outcome.value as { token: bigint }).token;
    },
  };
}

describe("a watch", () => {
  test("answers at once with a bookmark, then tells what happens from now on [LOCK-156, LOCK-158, LOCK-162]", async () => {
    const one = await user();
    await one.take("before");
    const watching = new Watching({});
    const first = await watching.next();
    expect(first.events).toEqual([]);
    const token = await one.take("after");
    const { events, header } = await watching.next();
    expect(events).toMatchObject([
      { revision: token, actor: "127.0.0.1", body: { case: "lockGranted" } },
    ]);
    expect(events[0]?.journalOnly).toBeUndefined();
    expect(header?.revision).toBe(token);
    expect(first.header?.revision).toBe(token - 1n);
  });

  test("resumes after any revision without gap or repetition, from the journal and live [LOCK-155]", async () => {
    const one = await user();
    for (let key = 0; key < 300; key++) await one.take(`key-${key}`);
    const watching = new Watching({ afterRevision: 1n });
    const all = watching.revisions(350);
    for (let key = 300; key < 350; key++) await one.take(`key-${key}`);
    const revisions = await all;
    expect(revisions).toEqual(revisions.map((_, index) => BigInt(index + 2)));
  });

  test("chooses by keys and by prefix, and marks how far it has looked [LOCK-159]", async () => {
    const one = await user();
    const byKey = new Watching({ filter: { keys: ["b"] }, afterRevision: 0n });
    const byPrefix = new Watching({ filter: { keyPrefix: "a/" } });
    await byKey.next();
    await byPrefix.next();
    await one.take("a/1");
    const b = await one.take("b");
    const a2 = await one.take("a/2");
    expect(await byKey.revisions(1)).toEqual([b]);
    expect(await byPrefix.revisions(2)).toEqual([b - 1n, a2]);
  });

  test("sends a bookmark each 5 s, when idle and when nothing that happens is chosen [LOCK-158]", async () => {
    const one = await user();
    const watching = new Watching({ filter: { keys: ["never"] } });
    const first = await watching.next();
    await one.take("other");
    const bookmark = watching.next();
    await running.clock.advance(5_000);
    expect(await bookmark).toMatchObject({
      events: [],
      header: { revision: (first.header?.revision ?? 0n) + 1n },
    });
  });

  test("ends with a last bookmark and SERVER_STOPPING when the server stops [GEN-96, LOCK-158]", async () => {
    const one = await user();
    const watching = new Watching({ filter: { keys: ["never"] } });
    await watching.next();
    const token = await one.take("other");
    const stopped = running.server.close();
    expect((await watching.next()).header?.revision).toBe(token);
    expect(await watching.refusal()).toMatchObject({
      code: Code.Unavailable,
      reason: "SERVER_STOPPING",
    });
    await stopped;
  });

  test("above the head is REVISION_AHEAD, in an unknown namespace NOT_PERMITTED [LOCK-157]", async () => {
    expect(await new Watching({ afterRevision: 99n }).refusal()).toMatchObject({
      code: Code.OutOfRange,
      reason: "REVISION_AHEAD",
      metadata: { head: "1" },
    });
    expect(await new Watching({ namespace: "other" }).refusal()).toMatchObject({
      code: Code.PermissionDenied,
      reason: "NOT_PERMITTED",
    });
  });
});

test("a watch that falls behind reads the journal and then goes on live [LOCK-155]", async () => {
  const one = await user();
  const { namespace: served, clock } = running;
  const namespaces = new Map([[namespace, served]]);
  const environment = {
    namespaces,
    clock,
    limits: DEFAULT_LIMITS,
    stopping: new AbortController().signal,
  } as unknown as RpcEnvironment;
  const watches = new Watches(DEFAULT_LIMITS, 2);
  const header = new Headers();
  const call = new Call(
    LockService.method.watch,
    "me",
    header,
    new InFlightBytes(DEFAULT_LIMITS).lease("me"),
    DEFAULT_LIMITS,
  );
  const request = create(WatchRequestSchema, { namespace, afterRevision: 1n });
  const stream = watch(request, call, environment, watches);
  const seen: bigint[] = [];
  const take = async () => {
    const { value } = await stream.next();
    seen.push(...(value?.events ?? []).map(({ revision }: { revision: bigint }) => revision));
  };
  await take();
  for (let key = 0; key < 6; key++) await one.take(`key-${key}`);
  while (seen.length < 7) await take();
  const live = take();
  await one.take("live");
  await live;
  expect(seen).toEqual([2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
  await stream.return(undefined);
  expect(watches.count(namespace)).toBe(0);
  watches.close();
});

describe("the number of watches", () => {
  async function limited(limits: object): Promise<void> {
    await running.close();
    running = await startTestServer({ limits: { ...DEFAULT_LIMITS, ...limits } });
  }

  test.each(["max_watches", "max_watches_per_principal"])(
    "is held by %s [GEN-51]",
    async (limit) => {
      await limited({ [limit]: 1 });
      const first = new Watching({});
      await first.next();
      const info = createClient(ServerService, transportTo(running.server.url));
      expect((await info.getServerInfo({ namespace })).namespace?.counters?.watches).toBe(1n);
      expect(await new Watching({}).refusal()).toMatchObject({
        code: Code.ResourceExhausted,
        reason: "LIMIT_EXCEEDED",
        metadata: { limit, max: "1" },
      });
      first.leave.abort();
      await first.refusal();
      await running.clock.advance(0);
      await new Watching({}).next();
    },
  );
});

describe("ListEvents", () => {
  test("pages through the same history [LOCK-160]", async () => {
    const one = await user();
    for (const key of ["a", "b", "a"]) await one.take(key);
    const client = createClient(LockService, transportTo(running.server.url));
    const first = await client.listEvents({ namespace, pageSize: 2 });
    expect(first).toMatchObject({ more: true, nextAfterRevision: 2n });
    expect(first.events.map(({ body }) => body.case)).toEqual(["epochStarted", "sessionOpened"]);
    const rest = await client.listEvents({ namespace, afterRevision: 2n });
    expect(rest.events).toHaveLength(2);
    expect(rest).toMatchObject({ more: false, nextAfterRevision: rest.header?.revision });
    const chosen = await client.listEvents({ namespace, filter: { keys: ["b"] } });
    expect(chosen.events).toHaveLength(1);
    const ahead = await client
      .listEvents({ namespace, afterRevision: 99n })
      .catch((error) => errorDetailOf(error)?.reason);
    expect(ahead).toBe(ErrorReason.REVISION_AHEAD);
  });
});
